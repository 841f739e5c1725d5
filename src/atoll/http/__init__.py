"""HTTP/1.1 for the front ends: requests and responses as values, one server, one set of limits."""
