"""S3 actions, one file each: what an authorised call does, in terms of the object layer."""
