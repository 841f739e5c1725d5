package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

type awsRun struct {
	ctx    context.Context
	s3     *s3.Client
	bucket *string
}

func runAws(ctx context.Context, endpoint, bucket string) {
	pair := credentials.NewStaticCredentialsProvider(
		os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), "")
	client := s3.New(s3.Options{
		Region: "us-east-1", Credentials: pair, BaseEndpoint: &endpoint, UsePathStyle: true,
		// What config.LoadDefaultConfig sets, and with it every program that uses it.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})
	run := awsRun{ctx, client, &bucket}
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	must(err)
	run.small()
	run.conditional()
	run.transfers()
	run.multipart()
	run.presigned()
	run.listAndEmpty()
	run.tagsAndVersions()
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
	must(err)
}

func (r awsRun) put(key, body string) error {
	_, err := r.s3.PutObject(r.ctx, &s3.PutObjectInput{
		Bucket: r.bucket, Key: &key, Body: strings.NewReader(body), Metadata: map[string]string{"colour": "blue"}})
	return err
}

func (r awsRun) get(key string) []byte {
	answer, err := r.s3.GetObject(r.ctx, &s3.GetObjectInput{Bucket: r.bucket, Key: &key})
	must(err)
	defer answer.Body.Close()
	found, err := io.ReadAll(answer.Body)
	must(err)
	return found
}

func (r awsRun) small() {
	for _, key := range []string{"hello.txt", oddKey, "a//b", "a/../b"} {
		must(r.put(key, "hello from Go"))
		same(r.get(key), []byte("hello from Go"), key)
	}
	must(r.put("empty", ""))
	head, err := r.s3.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: r.bucket, Key: aws.String("hello.txt")})
	must(err)
	check(head.Metadata["colour"] == "blue", "metadata", head.Metadata)
	_, err = r.s3.GetObject(r.ctx, &s3.GetObjectInput{Bucket: r.bucket, Key: aws.String("missing")})
	var missing *types.NoSuchKey
	check(errors.As(err, &missing), "a missing key", err)
	for _, algorithm := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmSha256, types.ChecksumAlgorithmCrc64nvme} {
		_, err = r.s3.PutObject(r.ctx, &s3.PutObjectInput{Bucket: r.bucket, Key: aws.String("checked"),
			Body: strings.NewReader("checked"), ChecksumAlgorithm: algorithm})
		must(err)
		same(r.get("checked"), []byte("checked"), string(algorithm))
	}
}

func (r awsRun) conditional() {
	once := func() error {
		_, err := r.s3.PutObject(r.ctx, &s3.PutObjectInput{
			Bucket: r.bucket, Key: aws.String("once"), Body: strings.NewReader("1"), IfNoneMatch: aws.String("*")})
		return err
	}
	must(once())
	check(statusOf(once()) == http.StatusPreconditionFailed, "a second If-None-Match: *")
	head, err := r.s3.HeadObject(r.ctx, &s3.HeadObjectInput{Bucket: r.bucket, Key: aws.String("once")})
	must(err)
	_, err = r.s3.GetObject(r.ctx, &s3.GetObjectInput{Bucket: r.bucket, Key: aws.String("once"), IfNoneMatch: head.ETag})
	check(statusOf(err) == http.StatusNotModified, "a read that did not change", err)
}

func (r awsRun) transfers() {
	manager := transfermanager.New(r.s3, func(o *transfermanager.Options) { o.PartSizeBytes = partBytes })
	for key, size := range map[string]int{"transfer-small": 70_000, "transfer-parts": 3*partBytes + 7} {
		wanted := pattern(size)
		// A body whose length nobody knows: the manager streams parts with trailing checksums.
		_, err := manager.UploadObject(r.ctx, &transfermanager.UploadObjectInput{
			Bucket: r.bucket, Key: aws.String(key), Body: unsized{bytes.NewReader(wanted)}})
		must(err)
		same(r.get(key), wanted, key)
		answer, err := manager.GetObject(r.ctx, &transfermanager.GetObjectInput{Bucket: r.bucket, Key: aws.String(key)})
		must(err)
		found, err := io.ReadAll(answer.Body)
		must(err)
		same(found, wanted, key+" through the manager")
	}
}

func (r awsRun) multipart() {
	key := aws.String("parts")
	upload, err := r.s3.CreateMultipartUpload(r.ctx, &s3.CreateMultipartUploadInput{
		Bucket: r.bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
	must(err)
	wanted := pattern(partBytes + 99)
	var parts []types.CompletedPart
	for number, part := range [][]byte{wanted[:partBytes], wanted[partBytes:]} {
		answer, err := r.s3.UploadPart(r.ctx, &s3.UploadPartInput{
			Bucket: r.bucket, Key: key, UploadId: upload.UploadId, PartNumber: aws.Int32(int32(number + 1)),
			Body: bytes.NewReader(part), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
		must(err)
		parts = append(parts, types.CompletedPart{
			ETag: answer.ETag, PartNumber: aws.Int32(int32(number + 1)), ChecksumCRC32C: answer.ChecksumCRC32C})
	}
	_, err = r.s3.CompleteMultipartUpload(r.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: r.bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	must(err)
	same(r.get("parts"), wanted, "parts")
	_, err = r.s3.CopyObject(r.ctx, &s3.CopyObjectInput{
		Bucket: r.bucket, Key: aws.String("copy"), CopySource: aws.String(*r.bucket + "/parts")})
	must(err)
	same(r.get("copy"), wanted, "copy")
}

func (r awsRun) presigned() {
	presigner := s3.NewPresignClient(r.s3)
	put, err := presigner.PresignPutObject(r.ctx, &s3.PutObjectInput{Bucket: r.bucket, Key: aws.String(oddKey)})
	must(err)
	throughURL(put.Method, put.URL, "by URL")
	get, err := presigner.PresignGetObject(r.ctx, &s3.GetObjectInput{Bucket: r.bucket, Key: aws.String(oddKey)})
	must(err)
	check(throughURL(get.Method, get.URL, "") == "by URL", "presigned GET")
}

func (r awsRun) listAndEmpty() {
	var all []types.ObjectIdentifier
	pages := s3.NewListObjectsV2Paginator(r.s3, &s3.ListObjectsV2Input{Bucket: r.bucket, MaxKeys: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.ctx)
		must(err)
		for _, object := range page.Contents {
			all = append(all, types.ObjectIdentifier{Key: object.Key})
		}
	}
	check(len(all) == 11, "keys listed", len(all))
	answer, err := r.s3.DeleteObjects(r.ctx, &s3.DeleteObjectsInput{Bucket: r.bucket, Delete: &types.Delete{Objects: all}})
	must(err)
	check(len(answer.Deleted) == len(all) && len(answer.Errors) == 0, "all deleted", answer.Errors)
}

func (r awsRun) tagsAndVersions() {
	key := aws.String(oddKey)
	_, err := r.s3.PutBucketVersioning(r.ctx, &s3.PutBucketVersioningInput{Bucket: r.bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(err)
	must(r.put(oddKey, "one"))
	must(r.put(oddKey, "two"))
	_, err = r.s3.PutObjectTagging(r.ctx, &s3.PutObjectTaggingInput{Bucket: r.bucket, Key: key,
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue +1")}}}})
	must(err)
	tags, err := r.s3.GetObjectTagging(r.ctx, &s3.GetObjectTaggingInput{Bucket: r.bucket, Key: key})
	must(err)
	check(len(tags.TagSet) == 1 && *tags.TagSet[0].Value == "blue +1", "tags", tags.TagSet)
	_, err = r.s3.DeleteObject(r.ctx, &s3.DeleteObjectInput{Bucket: r.bucket, Key: key})
	must(err)
	listed, err := r.s3.ListObjectVersions(r.ctx, &s3.ListObjectVersionsInput{Bucket: r.bucket})
	must(err)
	check(len(listed.Versions) == 2 && len(listed.DeleteMarkers) == 1, "versions listed", listed)
	oldest := listed.Versions[1].VersionId
	answer, err := r.s3.GetObject(r.ctx, &s3.GetObjectInput{Bucket: r.bucket, Key: key, VersionId: oldest})
	must(err)
	found, err := io.ReadAll(answer.Body)
	must(err)
	same(found, []byte("one"), "oldest version")
	all := []types.ObjectIdentifier{{Key: key, VersionId: listed.DeleteMarkers[0].VersionId}}
	for _, version := range listed.Versions {
		all = append(all, types.ObjectIdentifier{Key: version.Key, VersionId: version.VersionId})
	}
	deleted, err := r.s3.DeleteObjects(r.ctx, &s3.DeleteObjectsInput{Bucket: r.bucket, Delete: &types.Delete{Objects: all}})
	must(err)
	check(len(deleted.Deleted) == 3 && len(deleted.Errors) == 0, "versions deleted", deleted.Errors)
}

func statusOf(err error) int {
	var refused *awshttp.ResponseError
	if errors.As(err, &refused) {
		return refused.HTTPStatusCode()
	}
	return 0
}
