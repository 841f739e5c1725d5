"""Signing keys and their cache."""

import hashlib
import hmac

from atoll.s3.sigv4.keys import SigningKey, SigningKeys, derive_signing_key
from fakes.signing import SECRET, signing_key

PLACE = ("AKIA", "20130524", "us-east-1", "s3")


def test_prepared_key_signs_like_hmac():
    key = bytes(range(32))
    for message in (b"", b"a", b"x" * 200):
        expected = hmac.new(key, message, hashlib.sha256).hexdigest()
        assert SigningKey(key).sign(message) == expected


def test_derivation_follows_the_four_steps():
    expected = hmac.new(signing_key(), b"text", hashlib.sha256).hexdigest()
    assert derive_signing_key(SECRET, "20130524", "us-east-1", "s3").sign(b"text") == expected


def test_a_kept_key_is_found_again():
    keys = SigningKeys()
    assert keys.find(PLACE, SECRET) is keys.find(PLACE, SECRET)


def test_a_replaced_secret_gives_another_key():
    keys = SigningKeys()
    old = keys.find(PLACE, SECRET)
    new = keys.find(PLACE, "other secret")
    assert new.sign(b"m") != old.sign(b"m")
    assert keys.find(PLACE, "other secret") is new
    assert len(keys) == 1


def test_the_cache_is_bounded_and_drops_the_oldest():
    keys = SigningKeys(count_max=2)
    days = [("AKIA", f"2013052{day}", "us-east-1", "s3") for day in range(3)]
    first, second, _ = [keys.find(day, SECRET) for day in days]
    assert len(keys) == 2
    assert keys.find(days[1], SECRET) is second
    assert keys.find(days[0], SECRET) is not first
