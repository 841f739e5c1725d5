"""The rest-xml protocol by the service model: inputs in, answers and errors out."""
