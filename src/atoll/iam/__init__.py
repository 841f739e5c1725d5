"""Identity: who may call. Today the root pair; its secret is looked up by the one gate."""
