// Works on one bucket through the AWS SDK for JavaScript 3 with its defaults; prints OK.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand,
  DeleteObjectCommand, GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand,
  ListObjectVersionsCommand, paginateListObjectsV2, PutBucketVersioningCommand, PutObjectCommand,
  PutObjectTaggingCommand, S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const PART_BYTES = 5 * 1024 * 1024;
const ODD_KEY = "dir with space/ü+%/ä&=?#€/.";

const bucket = process.argv[2];
const client = new S3Client({ forcePathStyle: true });
const send = (Command, input) => client.send(new Command({ Bucket: bucket, ...input }));

const pattern = (size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 251));

async function get(key, input = {}) {
  const answer = await send(GetObjectCommand, { Key: key, ...input });
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function refused(status, promise) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.$metadata?.httpStatusCode, status, `${error}`);
    return true;
  });
}

async function small() {
  for (const key of ["hello.txt", ODD_KEY, "a//b"]) {
    const put = await send(PutObjectCommand, { Key: key, Body: "hello from JavaScript", Metadata: { colour: "blue" } });
    const head = await send(HeadObjectCommand, { Key: key });
    assert.equal(head.ETag, put.ETag);
    assert.equal(head.Metadata.colour, "blue");
    assert.equal((await get(key, { ChecksumMode: "ENABLED" })).toString(), "hello from JavaScript");
  }
  assert.equal((await get("hello.txt", { Range: "bytes=0-4" })).toString(), "hello");
  for (const ChecksumAlgorithm of ["SHA256", "SHA1", "CRC32C", "CRC32", "CRC64NVME"]) {
    await send(PutObjectCommand, { Key: "checked", Body: "checked", ChecksumAlgorithm });
    assert.equal((await get("checked", { ChecksumMode: "ENABLED" })).toString(), "checked");
  }
  await refused(404, get("missing"));
}

async function streamed() {
  const content = pattern(140_000);
  // A stream of known length travels in chunks with a trailing checksum.
  await send(PutObjectCommand, { Key: "streamed", Body: Readable.from([content.subarray(0, 99_999), content.subarray(99_999)]), ContentLength: content.length });
  assert.ok((await get("streamed")).equals(content));
}

async function conditional() {
  const { ETag } = await send(PutObjectCommand, { Key: "once", Body: "1", IfNoneMatch: "*" });
  await refused(412, send(PutObjectCommand, { Key: "once", Body: "2", IfNoneMatch: "*" }));
  await send(PutObjectCommand, { Key: "once", Body: "3", IfMatch: ETag });
  await refused(412, send(PutObjectCommand, { Key: "once", Body: "4", IfMatch: ETag }));
}

async function multipart() {
  const content = pattern(2 * PART_BYTES + 77);
  const upload = new Upload({ client, params: { Bucket: bucket, Key: "parts", Body: Readable.from([content]) }, partSize: PART_BYTES });
  const { ETag } = await upload.done();
  assert.match(ETag, /-3"$/);
  assert.ok((await get("parts")).equals(content));
  await send(CopyObjectCommand, { Key: "copy", CopySource: `${bucket}/parts` });
  assert.ok((await get("copy")).equals(content));
}

async function presigned() {
  // With its default the SDK signs the checksum of an empty body into the URL, and S3 refuses any
  // other body. `fetch` resolves `/.`, as the URL standard wants, which changes what was signed.
  const signer = new S3Client({ forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" });
  const Key = `${ODD_KEY}ü`;
  const put = await getSignedUrl(signer, new PutObjectCommand({ Bucket: bucket, Key }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: "PUT", body: "by URL" })).status, 200);
  const url = await getSignedUrl(signer, new GetObjectCommand({ Bucket: bucket, Key }), { expiresIn: 60 });
  assert.equal(await (await fetch(url)).text(), "by URL");
}

async function listAndEmpty() {
  const keys = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket: bucket })) {
    keys.push(...(page.Contents ?? []).map((object) => object.Key));
  }
  assert.deepEqual(keys, ["a//b", "checked", "copy", ODD_KEY, `${ODD_KEY}ü`, "hello.txt", "once", "parts", "streamed"]);
  const answer = await send(DeleteObjectsCommand, { Delete: { Objects: keys.map((Key) => ({ Key })) } });
  assert.equal(answer.Deleted.length, keys.length);
}

async function tagsAndVersions() {
  await send(PutBucketVersioningCommand, { VersioningConfiguration: { Status: "Enabled" } });
  for (const Body of ["one", "second"]) {
    await send(PutObjectCommand, { Key: ODD_KEY, Body });
  }
  const TagSet = [{ Key: "team", Value: "blue +1" }];
  await send(PutObjectTaggingCommand, { Key: ODD_KEY, Tagging: { TagSet } });
  assert.deepEqual((await send(GetObjectTaggingCommand, { Key: ODD_KEY })).TagSet, TagSet);
  await send(DeleteObjectCommand, { Key: ODD_KEY });
  await refused(404, get(ODD_KEY));
  const { Versions, DeleteMarkers } = await send(ListObjectVersionsCommand, {});
  assert.deepEqual(Versions.map((version) => version.Size), [6, 3]);
  assert.equal((await get(ODD_KEY, { VersionId: Versions[1].VersionId })).toString(), "one");
  const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
  assert.equal((await send(DeleteObjectsCommand, { Delete: { Objects } })).Deleted.length, 3);
}

await send(CreateBucketCommand, {});
for (const step of [small, streamed, conditional, multipart, presigned, listAndEmpty, tagsAndVersions]) {
  await step();
}
await send(DeleteBucketCommand, {});
console.log("OK");
