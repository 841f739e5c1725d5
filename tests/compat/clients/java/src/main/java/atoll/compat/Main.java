package atoll.compat;

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.BucketVersioningStatus;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.Delete;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.ObjectVersion;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.model.Tag;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** Works on one bucket through the synchronous client, the asynchronous client and presigned URLs; prints OK. */
public final class Main {
  private static final int PART_BYTES = 5 * 1024 * 1024;
  private static final String ODD_KEY = "dir with space/ü+%/ä&=?#\u20ac/.";

  private final URI endpoint;
  private final String bucket;

  private Main(URI endpoint, String bucket) {
    this.endpoint = endpoint;
    this.bucket = bucket;
  }

  public static void main(String[] args) throws Exception {
    new Main(URI.create(System.getenv("AWS_ENDPOINT_URL")), args[0]).run();
    System.out.println("OK");
  }

  private void run() throws Exception {
    try (S3Client s3 = S3Client.builder().endpointOverride(endpoint).forcePathStyle(true).build()) {
      s3.createBucket(r -> r.bucket(bucket));
      small(s3);
      streamed(s3);
      conditional(s3);
      multipart(s3);
      asynchronous();
      presigned();
      listAndEmpty(s3);
      tagsAndVersions(s3);
      s3.deleteBucket(r -> r.bucket(bucket));
    }
  }

  private void small(S3Client s3) {
    String text = "hello from Java";
    for (String key : List.of("hello.txt", ODD_KEY)) {
      String etag = s3.putObject(
              r -> r.bucket(bucket).key(key).contentType("text/plain").metadata(Map.of("colour", "blue")),
              RequestBody.fromString(text))
          .eTag();
      var got = s3.getObjectAsBytes(r -> r.bucket(bucket).key(key).checksumMode(ChecksumMode.ENABLED));
      check(got.asUtf8String().equals(text), "content of " + key);
      check(got.response().eTag().equals(etag), "ETag of " + key);
      check("blue".equals(got.response().metadata().get("colour")), "metadata of " + key);
    }
    String range = s3.getObjectAsBytes(r -> r.bucket(bucket).key("hello.txt").range("bytes=-4")).asUtf8String();
    check(range.equals("Java"), "suffix range");
    s3.putObject(r -> r.bucket(bucket).key("empty"), RequestBody.empty());
    check(s3.headObject(r -> r.bucket(bucket).key("empty")).contentLength() == 0, "empty object");
    for (ChecksumAlgorithm algorithm : List.of(ChecksumAlgorithm.SHA256, ChecksumAlgorithm.CRC32_C)) {
      s3.putObject(r -> r.bucket(bucket).key("checked").checksumAlgorithm(algorithm), RequestBody.fromString(text));
    }
    expect(404, () -> s3.headObject(r -> r.bucket(bucket).key("missing")));
    try {
      s3.getObjectAsBytes(r -> r.bucket(bucket).key("missing"));
      check(false, "a missing key was found");
    } catch (NoSuchKeyException gone) {
      check(gone.statusCode() == 404, "status of a missing key");
    }
  }

  private void streamed(S3Client s3) {
    byte[] content = pattern(140_000);
    InputStream stream = new java.io.ByteArrayInputStream(content);
    s3.putObject(r -> r.bucket(bucket).key("streamed"), RequestBody.fromInputStream(stream, content.length));
    byte[] got = s3.getObjectAsBytes(r -> r.bucket(bucket).key("streamed")).asByteArray();
    check(Arrays.equals(got, content), "streamed content");
  }

  private void conditional(S3Client s3) {
    String etag = s3.putObject(r -> r.bucket(bucket).key("once").ifNoneMatch("*"), RequestBody.fromString("1")).eTag();
    expect(412, () -> s3.putObject(r -> r.bucket(bucket).key("once").ifNoneMatch("*"), RequestBody.fromString("2")));
    s3.putObject(r -> r.bucket(bucket).key("once").ifMatch(etag), RequestBody.fromString("3"));
    expect(412, () -> s3.putObject(r -> r.bucket(bucket).key("once").ifMatch(etag), RequestBody.fromString("4")));
    String last = s3.headObject(r -> r.bucket(bucket).key("once")).eTag();
    expect(304, () -> s3.getObjectAsBytes(r -> r.bucket(bucket).key("once").ifNoneMatch(last)));
  }

  private void multipart(S3Client s3) {
    byte[] content = pattern(PART_BYTES + 12_345);
    String id = s3.createMultipartUpload(r -> r.bucket(bucket).key("parts")).uploadId();
    List<CompletedPart> done = new ArrayList<>();
    for (int number = 1; number <= 2; number++) {
      int from = (number - 1) * PART_BYTES;
      byte[] part = Arrays.copyOfRange(content, from, Math.min(content.length, from + PART_BYTES));
      int partNumber = number;
      var answer = s3.uploadPart(r -> r.bucket(bucket).key("parts").uploadId(id).partNumber(partNumber),
          RequestBody.fromBytes(part));
      done.add(CompletedPart.builder().partNumber(number).eTag(answer.eTag()).checksumCRC32(answer.checksumCRC32()).build());
    }
    check(s3.listParts(r -> r.bucket(bucket).key("parts").uploadId(id)).parts().size() == 2, "parts listed");
    var complete = s3.completeMultipartUpload(
        r -> r.bucket(bucket).key("parts").uploadId(id).multipartUpload(m -> m.parts(done)));
    check(complete.eTag().endsWith("-2\""), "ETag of a multipart upload");
    byte[] got = s3.getObjectAsBytes(r -> r.bucket(bucket).key("parts")).asByteArray();
    check(Arrays.equals(got, content), "content of a multipart upload");
    s3.copyObject(r -> r.sourceBucket(bucket).sourceKey("parts").destinationBucket(bucket).destinationKey("copy"));
    check(s3.headObject(r -> r.bucket(bucket).key("copy")).contentLength() == content.length, "size of a copy");
    String dropped = s3.createMultipartUpload(r -> r.bucket(bucket).key("dropped")).uploadId();
    s3.abortMultipartUpload(r -> r.bucket(bucket).key("dropped").uploadId(dropped));
    check(s3.listMultipartUploads(r -> r.bucket(bucket)).uploads().isEmpty(), "uploads left");
  }

  private void asynchronous() {
    byte[] content = pattern(3 * PART_BYTES + 7);
    try (S3AsyncClient s3 = S3AsyncClient.builder().endpointOverride(endpoint).forcePathStyle(true)
            .multipartEnabled(true)
            .multipartConfiguration(c -> c.minimumPartSizeInBytes((long) PART_BYTES).thresholdInBytes((long) PART_BYTES))
            .build();
        S3TransferManager transfers = S3TransferManager.builder().s3Client(s3).build()) {
      s3.putObject(r -> r.bucket(bucket).key("async-small"), AsyncRequestBody.fromString("tiny")).join();
      transfers.upload(u -> u.putObjectRequest(r -> r.bucket(bucket).key("async"))
          .requestBody(AsyncRequestBody.fromBytes(content))).completionFuture().join();
      byte[] got = s3.getObject(r -> r.bucket(bucket).key("async"),
          AsyncResponseTransformer.<GetObjectResponse>toBytes()).join().asByteArray();
      check(Arrays.equals(got, content), "content of the asynchronous client");
    }
  }

  private void presigned() throws Exception {
    var configuration = S3Configuration.builder().pathStyleAccessEnabled(true).build();
    HttpClient http = HttpClient.newHttpClient();
    try (S3Presigner presigner = S3Presigner.builder().endpointOverride(endpoint)
        .serviceConfiguration(configuration).build()) {
      var put = presigner.presignPutObject(p -> p.signatureDuration(Duration.ofMinutes(5))
          .putObjectRequest(r -> r.bucket(bucket).key(ODD_KEY).contentType("text/plain")));
      var request = HttpRequest.newBuilder(put.url().toURI()).header("content-type", "text/plain")
          .PUT(HttpRequest.BodyPublishers.ofString("by URL")).build();
      check(http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200, "presigned PUT");
      var get = presigner.presignGetObject(p -> p.signatureDuration(Duration.ofMinutes(5))
          .getObjectRequest(r -> r.bucket(bucket).key(ODD_KEY)));
      var answer = http.send(HttpRequest.newBuilder(get.url().toURI()).build(),
          HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
      check(answer.statusCode() == 200 && answer.body().equals("by URL"), "presigned GET");
    }
  }

  private void listAndEmpty(S3Client s3) {
    List<String> keys = s3.listObjectsV2Paginator(r -> r.bucket(bucket).maxKeys(2)).contents().stream()
        .map(S3Object::key).toList();
    check(keys.contains(ODD_KEY) && keys.contains("parts") && keys.contains("async"), "keys listed: " + keys);
    check(new ArrayList<>(new TreeMap<>(index(keys)).keySet()).size() == keys.size(), "a key listed twice");
    var tree = s3.listObjectsV2(r -> r.bucket(bucket).delimiter("/"));
    check(tree.commonPrefixes().get(0).prefix().equals("dir with space/"), "common prefix");
    List<ObjectIdentifier> all = keys.stream().map(key -> ObjectIdentifier.builder().key(key).build()).toList();
    var answer = s3.deleteObjects(r -> r.bucket(bucket).delete(Delete.builder().objects(all).build()));
    check(answer.deleted().size() == keys.size() && answer.errors().isEmpty(), "all deleted");
  }

  private void tagsAndVersions(S3Client s3) {
    s3.putBucketVersioning(r -> r.bucket(bucket).versioningConfiguration(v -> v.status(BucketVersioningStatus.ENABLED)));
    for (String text : List.of("one", "second")) {
      s3.putObject(r -> r.bucket(bucket).key(ODD_KEY), RequestBody.fromString(text));
    }
    Tag tag = Tag.builder().key("team").value("blue +1").build();
    s3.putObjectTagging(r -> r.bucket(bucket).key(ODD_KEY).tagging(t -> t.tagSet(tag)));
    check(s3.getObjectTagging(r -> r.bucket(bucket).key(ODD_KEY)).tagSet().equals(List.of(tag)), "tags");
    s3.deleteObject(r -> r.bucket(bucket).key(ODD_KEY));
    expect(404, () -> s3.headObject(r -> r.bucket(bucket).key(ODD_KEY)));
    var listed = s3.listObjectVersions(r -> r.bucket(bucket));
    check(listed.versions().size() == 2 && listed.deleteMarkers().size() == 1, "versions listed: " + listed);
    String oldest = listed.versions().get(1).versionId();
    check(s3.getObjectAsBytes(r -> r.bucket(bucket).key(ODD_KEY).versionId(oldest)).asUtf8String().equals("one"),
        "content of the oldest version");
    List<String> ids = new ArrayList<>(listed.versions().stream().map(ObjectVersion::versionId).toList());
    ids.add(listed.deleteMarkers().get(0).versionId());
    List<ObjectIdentifier> all =
        ids.stream().map(id -> ObjectIdentifier.builder().key(ODD_KEY).versionId(id).build()).toList();
    var answer = s3.deleteObjects(r -> r.bucket(bucket).delete(Delete.builder().objects(all).build()));
    check(answer.deleted().size() == 3 && answer.errors().isEmpty(), "all versions deleted");
  }

  private static Map<String, Boolean> index(List<String> keys) {
    Map<String, Boolean> seen = new TreeMap<>();
    keys.forEach(key -> seen.put(key, true));
    return seen;
  }

  private static void expect(int status, Runnable call) {
    try {
      call.run();
    } catch (S3Exception refused) {
      check(refused.statusCode() == status, "status " + refused.statusCode() + " instead of " + status);
      return;
    }
    check(false, "no error, status " + status + " was due");
  }

  private static byte[] pattern(int size) {
    byte[] content = new byte[size];
    for (int i = 0; i < size; i++) {
      content[i] = (byte) (i % 251);
    }
    return content;
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException(what);
    }
  }
}
