package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"
)

type minioRun struct {
	ctx    context.Context
	client *minio.Client
	bucket string
}

func runMinio(ctx context.Context, endpoint *url.URL, bucket string) {
	for _, trailers := range []bool{false, true} {
		client, err := minio.New(endpoint.Host, &minio.Options{
			Creds: credentials.NewStaticV4(
				os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
			Secure:          endpoint.Scheme == "https",
			TrailingHeaders: trailers,
		})
		must(err)
		run := minioRun{ctx, client, bucket}
		must(client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}))
		run.objects()
		run.conditional()
		run.presigned()
		run.listAndEmpty()
		run.tagsAndVersions()
		must(client.RemoveBucket(ctx, bucket))
	}
	runMinioV2(ctx, endpoint, bucket)
}

func (r minioRun) put(key string, body io.Reader, size int64, options minio.PutObjectOptions) error {
	_, err := r.client.PutObject(r.ctx, r.bucket, key, body, size, options)
	return err
}

func (r minioRun) get(key string) []byte {
	object, err := r.client.GetObject(r.ctx, r.bucket, key, minio.GetObjectOptions{})
	must(err)
	defer object.Close()
	found, err := io.ReadAll(object)
	must(err)
	return found
}

func (r minioRun) objects() {
	sizes := map[string]int{"empty": 0, "hello.txt": 13, oddKey: 13, "chunks": 140_000, "parts": 3*partBytes + 7}
	for key, size := range sizes {
		wanted := pattern(size)
		options := minio.PutObjectOptions{PartSize: partBytes, UserMetadata: map[string]string{"colour": "blue"}}
		must(r.put(key, bytes.NewReader(wanted), int64(size), options))
		same(r.get(key), wanted, key)
		// Without a length minio-go reads parts into memory.
		must(r.put(key, unsized{bytes.NewReader(wanted)}, -1, options))
		same(r.get(key), wanted, key+" of unknown size")
	}
	stat, err := r.client.StatObject(r.ctx, r.bucket, oddKey, minio.StatObjectOptions{})
	must(err)
	check(stat.UserMetadata["Colour"] == "blue", "metadata", stat.UserMetadata)
	_, err = r.client.ComposeObject(r.ctx,
		minio.CopyDestOptions{Bucket: r.bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: r.bucket, Object: "parts"}, minio.CopySrcOptions{Bucket: r.bucket, Object: "hello.txt"})
	must(err)
	same(r.get("composed"), append(pattern(sizes["parts"]), pattern(13)...), "composed")
	_, err = r.client.StatObject(r.ctx, r.bucket, "missing", minio.StatObjectOptions{})
	check(minio.ToErrorResponse(err).Code == "NoSuchKey", "a missing key", err)
}

func (r minioRun) conditional() {
	var options minio.PutObjectOptions
	options.SetMatchETagExcept("*")
	must(r.put("once", bytes.NewReader([]byte("1")), 1, options))
	err := r.put("once", bytes.NewReader([]byte("2")), 1, options)
	check(minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed, "a second If-None-Match: *", err)
}

func (r minioRun) presigned() {
	put, err := r.client.PresignedPutObject(r.ctx, r.bucket, oddKey, time.Minute)
	must(err)
	throughURL(http.MethodPut, put.String(), "by URL")
	get, err := r.client.PresignedGetObject(r.ctx, r.bucket, oddKey, time.Minute, nil)
	must(err)
	check(throughURL(http.MethodGet, get.String(), "") == "by URL", "presigned GET")
}

func (r minioRun) listAndEmpty() {
	count := 0
	for _, v1 := range []bool{false, true} {
		count = 0
		for object := range r.client.ListObjects(r.ctx, r.bucket, minio.ListObjectsOptions{Recursive: true, UseV1: v1, MaxKeys: 2}) {
			must(object.Err)
			count++
		}
		check(count == 7, "keys listed", count)
	}
	objects := r.client.ListObjects(r.ctx, r.bucket, minio.ListObjectsOptions{Recursive: true})
	for failed := range r.client.RemoveObjects(r.ctx, r.bucket, objects, minio.RemoveObjectsOptions{}) {
		must(failed.Err)
	}
	for range r.client.ListObjects(r.ctx, r.bucket, minio.ListObjectsOptions{Recursive: true}) {
		check(false, "a key is left")
	}
}

func (r minioRun) tagsAndVersions() {
	must(r.client.EnableVersioning(r.ctx, r.bucket))
	for _, text := range []string{"one", "second"} {
		must(r.put(oddKey, bytes.NewReader([]byte(text)), int64(len(text)), minio.PutObjectOptions{}))
	}
	wanted, err := tags.NewTags(map[string]string{"team": "blue +1"}, true)
	must(err)
	must(r.client.PutObjectTagging(r.ctx, r.bucket, oddKey, wanted, minio.PutObjectTaggingOptions{}))
	found, err := r.client.GetObjectTagging(r.ctx, r.bucket, oddKey, minio.GetObjectTaggingOptions{})
	must(err)
	check(found.ToMap()["team"] == "blue +1", "tags", found)
	must(r.client.RemoveObject(r.ctx, r.bucket, oddKey, minio.RemoveObjectOptions{}))
	var sizes []int64
	for each := range r.client.ListObjects(r.ctx, r.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		must(each.Err)
		sizes = append(sizes, each.Size)
		must(r.client.RemoveObject(r.ctx, r.bucket, each.Key, minio.RemoveObjectOptions{VersionID: each.VersionID}))
	}
	check(slices.Equal(sizes, []int64{0, 6, 3}), "versions listed", sizes)
}

// runMinioV2 signs with version 2, as old programs do.
func runMinioV2(ctx context.Context, endpoint *url.URL, bucket string) {
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewStaticV2(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Secure: endpoint.Scheme == "https",
	})
	must(err)
	run := minioRun{ctx, client, bucket}
	must(client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}))
	must(run.put(oddKey, bytes.NewReader(pattern(140_000)), 140_000, minio.PutObjectOptions{}))
	same(run.get(oddKey), pattern(140_000), "version 2")
	run.presigned()
	must(client.RemoveObject(ctx, bucket, oddKey, minio.RemoveObjectOptions{}))
	must(client.RemoveBucket(ctx, bucket))
}
