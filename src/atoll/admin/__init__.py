"""Admin front end: the signed JSON API, health, metrics, and the fork between `/_atoll/` and S3."""
