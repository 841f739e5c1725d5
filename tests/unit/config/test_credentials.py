"""Pairs: strength, generation, silence."""

from rich.pretty import pretty_repr

from atoll.config.credentials import KeyPair, generate_pair, parse_pair


class CountingEntropy:
    def __init__(self):
        self.drawn = 0

    def random_bytes(self, count):
        self.drawn += 1
        return bytes((self.drawn * 37 + index) % 256 for index in range(count))

    def random_u64(self):
        raise AssertionError("not used")


def test_generated_pairs_are_long_valid_and_different():
    entropy = CountingEntropy()
    first, second = generate_pair(entropy), generate_pair(entropy)
    assert len(first.access_key) == 20
    assert len(first.secret_key) == 40
    assert first.access_key != second.access_key
    assert first.secret_key != second.secret_key
    assert parse_pair(first.access_key, first.secret_key) == first


def test_a_pair_never_shows_its_secret():
    pair = KeyPair("root", "hidden-secret")
    for shown in (repr(pair), str(pair), f"{pair}", pretty_repr(pair), repr([pair])):
        assert "root" in shown
        assert "hidden-secret" not in shown


def test_a_secret_may_have_spaces_and_letters_of_any_script():
    assert parse_pair("root", "пароль пароль").secret_key == "пароль пароль"
