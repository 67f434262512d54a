import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.formats.conllu import read_conllu
from elman.formats.conllu_text import surfaces_of
from elman.words.cut_learning import learn_cuts
from elman.words.learned_cuts import LearnedCuts
from elman.words.tokenise import tokenise

# Words as treebanks cut them: | divides words that no space divides, and du=de+le is one that stands for two.
TREEBANKS = {
    "French": """L'|homme regarde la mer|.
Aujourd'hui|, il n'|a pas d'|argent|.
Je crois qu'|elle vient du=de+le marché|.
C'|est l'|ami d'|Anne qui m'|a dit ça|.
Où va|-t-il|?
J'|ai vu l'|oiseau|, mais il s'|est envolé aujourd'hui|.
Le train de 2,5 km part au=à+le quai 3|.
Il faut 3,5 litres d'|eau pour 12,50 euros par e-mail|.
Nous n'|avons qu'|un chien|.""",
    "Italian": """Ho visto l'|uomo dell'=di+l'|arte|.
Un'|altra volta|, nell'=in+l'|acqua|.
C'|è l'|amica di Anna in un'|isola all'=a+l'|inizio|.
Dell'=di+l'|olio e dell'=di+l'|aceto|.""",
    "German": """Das ist z.B. ein Haus|.
Es kostet 3,5 Millionen|, d.h. viel|.
Er geht zum=zu+dem Arzt|.
Das nennt man z.B. Glück|.
Sie wohnt im=in+dem Haus der U-Bahn|.
Die Nord-Süd-Achse der S-Bahn ist 2,5 km lang|.""",
    "Spanish": """¿|Cómo estás|?
Voy al=a+el mercado del=de+el pueblo|.
Dámelo=da+me+lo|, por favor|.""",
    "Catalan": """L'|home d'|aquí se'n va|.
No m'|agrada l'|hivern ni el col·legi d'|en Pere|.
S'|ha acabat l'|estiu|, amb l'|avi|.""",
    "Turkish": """İstanbul'da hava güzel|.
Ankara'ya gitti|.
Ali'nin evi Türkiye'nin başkentinde|.""",
    "English": """I do|n't know|.
It|'s John|'s dog|.
We ca|n't go|, she|'s here and they|'re not|.""",
    "Chinese": """我|爱|北京|。
他|爱|北京|。
我|在|北京|。
他|在|家|。""",
    "Hindi": """मैं किताब पढ़ता हूँ|।
वह घर जाता है|।""",
}

TEXTS = [
    (
        "French",
        "L'arbre, l'été et d'autres : aujourd'hui qu'il pleut.",
        "L' arbre , l' été et d' autres : aujourd'hui qu' il pleut .",
    ),
    ("French", "Du vin, jusqu'au quai de l’école AU SOIR", "De le vin , jusqu' à le quai de l’ école À LE SOIR"),
    ("French", "« L'amour », dit-elle à 7,25 h.", "« L' amour » , dit-elle à 7,25 h ."),
    ("French", "L'Italie, d'Espagne ; C'est l'ONU qu'Anne", "L' Italie , d' Espagne ; C' est l' ONU qu' Anne"),
    ("Italian", "l'Italia e un'Alfa", "l' Italia e un' Alfa"),
    ("Catalan", "L'Hospitalet d'Andorra", "L' Hospitalet d' Andorra"),
    ("Italian", "All'inizio c'era l'amore dell'arte.", "A l' inizio c' era l' amore di l' arte ."),
    ("German", "Er sagt z.B., dass es 4,75 Euro kostet.", "Er sagt z.B. , dass es 4,75 Euro kostet ."),
    ("German", "Im Haus: U-Bahn-Linie zum Glück", "In dem Haus : U-Bahn-Linie zu dem Glück"),
    ("Spanish", "¿Dónde está? Al lado; ¡dámelo!", "¿ Dónde está ? A el lado ; ¡ da me lo !"),
    ("Catalan", "L'escola m'espera, se'n va al col·legi.", "L' escola m' espera , se'n va al col·legi ."),
    ("Turkish", "İzmir'de deniz, Ayşe'nin okulu.", "İzmir'de deniz , Ayşe'nin okulu ."),
    ("English", "He doesn't know it's Mary's; www.elman.org :-)", "He does n't know it 's Mary 's ; www.elman.org :-)"),
    ("Chinese", "他在北京。", "他 在 北京 。"),
    ("Hindi", "मैं हिन्दी पढ़ता हूँ, राम-श्याम।", "मैं हिन्दी पढ़ता हूँ , राम - श्याम ।"),
]


def sentence(line):
    words, surfaces = [], []
    for chunk in line.split(" "):
        for piece in chunk.split("|"):
            form, _, several = piece.partition("=")
            words += several.split("+") if several else [form]
            surfaces += [form, *[""] * several.count("+")]
        surfaces[-1 - several.count("+")] += " "
    return tuple(words), tuple(surfaces)


def learned(language, *, with_texts=True):
    sentences = map(sentence, TREEBANKS[language].splitlines())
    return learn_cuts((words, surfaces if with_texts else ()) for words, surfaces in sentences)


@pytest.mark.parametrize(("language", "text", "expected"), TEXTS)
def test_a_text_is_cut_as_the_treebank_is(language, text, expected):
    tokens = learned(language).tokens(text)
    assert [token.form for token in tokens] == expected.split()
    assert all(text[token.start : token.stop] for token in tokens)


def test_any_apostrophe_is_one():
    for mark in "'’ʼ´`′":
        assert [token.form for token in FRENCH.tokens(f"l{mark}été")] == [f"l{mark}", "été"]


def test_words_with_spaces_are_learned():
    words = (("Hà Nội", "có", "nhà nước", "."), ("Anh", "ở", "Hà Nội", "."))
    cuts = learn_cuts([(one, ("Hà Nội ", "có ", "nhà nước", ".") if one[0] == "Hà Nội" else ()) for one in words] * 2)
    assert [token.form for token in cuts.tokens("Anh có Hà Nội.")] == ["Anh", "có", "Hà Nội", "."]


def test_words_alone_say_where_apostrophes_belong():
    cuts = learned("French", with_texts=False)
    assert [token.form for token in cuts.tokens("l'été, aujourd'hui")] == ["l'", "été", ",", "aujourd'hui"]


@given(st.text())
def test_without_anything_learned_the_rules_hold(text):
    assert LearnedCuts().tokens(text) == tokenise(text)
    assert LearnedCuts() == EMPTY


@given(st.text(st.sampled_from("l'ao-. ,0é\u0301👩\u200d💻🇫🇷\u200b")))
def test_tokens_cover_the_text_in_order(text):
    tokens = FRENCH.tokens(text)
    assert [text[token.start : token.stop] for token in tokens] == [token.form for token in tokens]
    assert all(before.stop <= after.start for before, after in zip(tokens, tokens[1:], strict=False))
    assert not any(
        token.form[:1] in "\u0301\u200d" and token.start and text[token.start - 1].isalpha() for token in tokens
    )


FRENCH, EMPTY = learned("French"), learn_cuts([])


@pytest.mark.slow
def test_tokens_of_the_english_web_treebank(data_folder):
    """F1 of tokens by their places, 98.25% by the rules alone."""
    sentences = {}
    for part in ("train", "test"):
        with lzma.open(data_folder / "ud_english_ewt" / f"en_ewt-ud-{part}.conllu.xz", "rt", encoding="utf-8") as file:
            read = read_conllu(file.read().split("\n"))
            sentences[part] = [(one.values("form"), surfaces_of(one)) for one in read]
    cuts = learn_cuts(sentences["train"])
    right = arguments = result = 0
    for _, surfaces in sentences["test"]:
        places = [sum(map(len, surfaces[:number])) for number in range(len(surfaces))]
        gold = {(place, place + len(one.rstrip())) for place, one in zip(places, surfaces, strict=True)}
        tokens = {(token.start, token.stop) for token in cuts.tokens("".join(surfaces))}
        right, arguments, result = right + len(gold & tokens), arguments + len(gold), result + len(tokens)
    assert 2 * right / (arguments + result) > 0.99
