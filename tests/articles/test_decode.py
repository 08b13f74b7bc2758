"""Every way in which a page's charset is stated, and those in which it is stated wrongly."""

from __future__ import annotations

import codecs

import pytest

from pipeline.articles.decode import decode

FRENCH = "<html><body><p>" + "L’été dernier, la mairie a décidé d’élargir le quai ; les pêcheurs s’y sont opposés. " * 5
CYRILLIC = "<html><body><p>" + "Городской совет принял план старой гавани после девяти часов споров. " * 5
JAPANESE = "<html><body><p>" + "市議会は日曜日の深夜、古い港の再開発計画を承認した。" * 5


def test_strict_utf8_wins_over_any_declaration() -> None:
    assert decode(FRENCH.encode(), "text/html; charset=iso-8859-1") == (FRENCH, "utf-8")


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_decides(mark: bytes, codec: str) -> None:
    assert decode(mark + CYRILLIC.encode(codec), "text/html; charset=windows-1251") == (CYRILLIC, codec)


def test_utf16_without_a_mark() -> None:
    assert decode(FRENCH.encode("utf-16-le")) == (FRENCH, "utf-16-le")


def test_one_bad_byte_does_not_garble_the_page() -> None:
    body = FRENCH.encode() + b"<p>caf\xe9 and so on</p>"
    text, encoding = decode(body, "text/html")
    assert encoding == "utf-8"
    assert text == FRENCH + "<p>café and so on</p>"


def test_a_character_cut_in_half_is_lost_alone() -> None:
    body = FRENCH.encode() + "après".encode()[:-2] + b" fin"
    body = body.replace("décidé".encode(), b"d\xc3cid\xc3\xa9", 1)
    text, encoding = decode(body)
    assert encoding == "utf-8"
    assert text.count("’") == FRENCH.count("’")


def test_ascii_declared_utf8_with_a_pasted_quotation_mark() -> None:
    body = b'<meta charset="utf-8">' + b"<p>It is plain English for a long while. " * 100 + b"the mayor\x92s plan</p>"
    assert decode(body)[0].endswith("the mayor’s plan</p>")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("windows-1251", "cp1251", CYRILLIC),
        ("koi8-r", "koi8_r", CYRILLIC),
        ("ISO-8859-1", "cp1252", FRENCH),
        ("Shift_JIS", "cp932", JAPANESE),
        ("euc-jp", "euc_jp", JAPANESE),
        ("gb2312", "gb18030", "<p>市议会批准了计划" * 9),
    ],
)
def test_the_header_then_the_meta_element_is_believed(label: str, codec: str, text: str) -> None:
    assert decode(text.encode(codec), f"text/html; charset={label}")[0] == text
    inside = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">' + text
    assert decode(inside.encode(codec), "text/html")[0] == inside


def test_latin1_label_means_windows_1252() -> None:
    assert (
        decode("<p>“Oui”, dit-il à 3 €</p>".encode("cp1252"), "text/html; charset=iso-8859-1")[0]
        == "<p>“Oui”, dit-il à 3 €</p>"
    )


def test_an_undeclared_charset_is_detected() -> None:
    assert decode(CYRILLIC.encode("cp1251"))[0] == CYRILLIC
    assert decode(FRENCH.replace("’", "'").encode("latin-1"))[0] == FRENCH.replace("’", "'")


@pytest.mark.parametrize("label", ["utf-99", "hex", "rot13", "unicode_escape", "utf-16", "x" * 60, ""])
def test_labels_that_are_no_charset_do_no_harm(label: str) -> None:
    body = FRENCH.encode("cp1252")
    assert "décidé d" in decode(body, f"text/html; charset={label}")[0]


def test_a_wrong_declaration_is_not_believed() -> None:
    text = FRENCH.replace("’", "'")
    assert "décidé" in decode(text.encode("cp1252"), "text/html; charset=euc-jp")[0]


def test_iso_2022_jp_is_not_taken_for_ascii() -> None:
    body = b'<meta charset="iso-2022-jp">' + JAPANESE.encode("iso2022_jp")
    assert JAPANESE in decode(body)[0]


@pytest.mark.parametrize("body", [b"", b"\x00\x00\x00", b"\xff", b"\xff\xfe", bytes(range(256)) * 40])
def test_no_bytes_raise(body: bytes) -> None:
    text, _ = decode(body, "text/html; charset=\xff")
    assert "\x00" not in text


def test_null_bytes_and_controls_are_dropped() -> None:
    assert decode(b"<p>a\x00b\x0bc\x1b</p>") == ("<p>abc</p>", "utf-8")
