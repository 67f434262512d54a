"""Makes the saved models of this folder with the `elman` that is installed, and writes what the commands print of them.

Run it only with the elman of the commit that README.md names: a later one would compare itself with itself.
"""

import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).parent
SMALL = "--hidden-size 8 --evaluations 2 --warmup-steps 5"
TEXT = "--embedding-size 4 --num-layers 1 --batch-size 4 --unroll-length 16"
TAGGER = "--embedding-size 6 --letter-size 4 --letter-hidden-size 4 --num-layers 1"
SUBWORDS = "--vocabulary subwords --vocabulary-size 310"
NO_DROPOUT = "--input-dropout 0 --dropout 0 --word-dropout 0 --learning-rate 0.02"
SHOPS = "shops.csv --horizon 3 --window 14 --num-layers 1 --batch-size 16"

TRAINED = {
    "language-modelling": f"cats.txt {TEXT} --steps 300",
    "classification": "sms.txt --task classification --embedding-size 4 --min-count 2 --steps 120",
    "series-classification": "waves.csv --embedding-size 4 --steps 300",
    "tagging": f"bank.conllu {TAGGER} --steps 120",
    "seq2seq": "sums --digits 1 --embedding-size 6 --steps 1000",
    "forecasting": f"{SHOPS} --steps 200",
    "forecasting-autoregressive": f"{SHOPS} --model autoregressive --output gaussian --steps 200",
    "ecg": "ecg --channels 4 --num-layers 1 --steps 500",
    "unfinished": f"- {TEXT} --steps 400",
    "classification-several": f"recipes.txt --task classification --embedding-size 4 {NO_DROPOUT} --steps 300",
    "classification-vectors": "sms.txt --task classification --vectors words.vec --vectors-words 9 --steps 120",
    "tagging-bilou": f"names.conll {TAGGER} --steps 200",
    "classification-subwords": f"sms.txt --task classification {SUBWORDS} --embedding-size 4 --steps 120",
    "ecg-causal": "ecg --causal --channels 4 --num-layers 1 --steps 500",
}
"""The arguments of `elman train`, without those that all have."""

SHOWN = {
    "language-modelling": ["generate model --prime the --length 60 --seed 1", "evaluate model cats.txt --json"],
    "classification": ["predict model input.txt", "predict model input.txt --probabilities"],
    "series-classification": ["predict model input.csv --probabilities"],
    "tagging": ["predict model input.txt --confidence", "predict model input.txt --n-best 2"],
    "seq2seq": ["predict model input.txt", "predict model input.txt --beam 3 --n-best 2"],
    "forecasting": ["predict model", "predict model more.csv --level 50,90"],
    "forecasting-autoregressive": ["predict model", "predict model more.csv --intervals model"],
    "ecg": ["predict model strip.hea", "predict model strip.hea --table csv"],
    "unfinished": ["generate model --prime the --length 60 --temperature 0.5"],
    "classification-several": ["predict model input.txt --probabilities"],
    "classification-vectors": ["predict model input.txt --probabilities"],
    "tagging-bilou": ["predict model input.txt --confidence"],
    "classification-subwords": ["predict model input.txt --probabilities"],
    "ecg-causal": ["predict model - --stream --rate 250 < strip.txt"],
}
"""The commands whose output is kept."""

STOPPED = 200
"""The step after which the unfinished training is stopped."""


def main(names):
    for name in names or TRAINED:
        folder, options = HERE / name, TRAINED[name]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_data(name, folder)
        command = ["train", *options.split(), *SMALL.split(), "--out", "model"]
        if name == "unfinished":
            stop(folder, command)
        else:
            elman(folder, *command)
        commands = ["info model", *SHOWN[name]]
        (folder / "session.txt").write_text("".join(f"$ elman {c}\n{shown(folder, c)}" for c in commands))
        if name == "unfinished":
            resume(folder)


def elman(folder, *arguments, stdin=None):
    command = ["elman", *arguments]
    return subprocess.run(command, cwd=folder, stdin=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout


def shown(folder, command):
    command, _, source = command.partition(" < ")
    with open(folder / source if source else os.devnull) as stdin:
        return elman(folder, *command.split(), stdin=stdin)


def stop(folder, command):
    """Trains until a checkpoint after `STOPPED` and interrupts the run there. The text comes from standard input, since
    the state has the path of a file."""
    command = ["elman", *command, "--json", "--checkpoint-seconds", "0.001"]
    with (
        open(folder / "cats.txt") as text,
        subprocess.Popen(command, cwd=folder, stdin=text, stdout=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stdout or ():
            event = json.loads(line)
            if event["event"] == "checkpoint" and event["step"] >= STOPPED:
                process.send_signal(signal.SIGINT)
                break
        process.communicate()


def resume(folder):
    """Adds to the session what a resumed run says at its end; the model stays unfinished."""
    shutil.copytree(folder / "model", folder / "kept")
    with open(folder / "cats.txt") as text:
        said = elman(folder, "train", "-", "--resume", "--out", "model", stdin=text)
    shutil.rmtree(folder / "model")
    (folder / "kept").rename(folder / "model")
    with open(folder / "session.txt", "a") as session:
        session.write(f"$ elman train - --resume --out model < cats.txt\n{said}")


def write_data(name, folder):
    """Writes the files to train on and to predict for."""
    draw = random.Random(0)

    def write(file, text):
        (folder / file).write_text(text)

    if name in ("language-modelling", "unfinished"):
        write("cats.txt", "the cat sat on the mat. the dog ate the cat's hat, and that was that.\n" * 20)
    elif name in ("classification", "classification-vectors", "classification-subwords"):
        words = {"ham": "home dinner late see you soon", "spam": "win prize cash free now you"}
        texts = [(label, " ".join(draw.choices(words[label].split(), k=4))) for label in ("ham", "spam") * 40]
        write("sms.txt", "".join(f"{label}\t{text}\n" for label, text in texts))
        write("input.txt", "see you at home\nfree cash, you win\nYou\nlate dinner or free prize\n")
        if name == "classification-vectors":
            known = [*words["ham"].split(), *words["spam"].split()[:5], "gratis"]
            rows = [" ".join([word, *(f"{draw.gauss(0, 1):.2f}" for _ in range(4))]) for word in known]
            write("words.vec", f"{len(rows)} 4\n" + "".join(f"{row}\n" for row in rows))
    elif name == "classification-several":
        words = {"cheese": ["brie", "gouda"], "sauce": ["pesto", "salsa"], "bread": ["toast", "rolls"]}
        write("recipes.txt", "".join(recipe(draw, words) for _ in range(120)))
        write("input.txt", "brie on toast\nhow much pesto\n\ntoast with salsa\nnone of it\n")
    elif name == "tagging-bilou":
        write("names.conll", "".join(named(draw) for _ in range(80)))
        write("input.txt", "Ann lives in New Haven\nNew Oslo Bob\n")
    elif name == "series-classification":
        write("waves.csv", "series,time,left,right,label\n" + waves(draw, range(40)))
        write("input.csv", "series,time,left,right,label\n" + waves(draw, range(40, 44)))
    elif name == "tagging":
        tags = ("DET", "NOUN", "VERB", "NUM", "NOUN", "PUNCT")
        nouns, verbs = ("cat", "dog", "king"), ("see", "hear", "follow")
        sentences = [
            ["the", draw.choice(nouns), draw.choice(verbs) + "s", "two", draw.choice(nouns) + "s", "."]
            for _ in range(40)
        ]
        write("bank.conllu", "".join(conllu(zip(words, tags, strict=True)) for words in sentences))
        write("input.txt", "The dog follows two kings.\nTwo cats hear the queen.\n")
    elif name == "seq2seq":
        write("input.txt", "1+2\n7+6\n9+9\n0+4\n")
    elif name.startswith("forecasting"):
        write("shops.csv", "unique_id,ds,y\n" + shops(range(60)))
        write("more.csv", "unique_id,ds,y\n" + shops(range(60, 63)))
    elif name.startswith("ecg"):
        samples = [round(200 * millivolts(at / 250)) for at in range(1250)]
        if name == "ecg-causal":
            write("strip.txt", "II\n" + "".join(f"{sample / 200}\n" for sample in samples))
            return
        (folder / "strip.dat").write_bytes(struct.pack(f"<{len(samples)}h", *samples))
        check = (sum(samples) + 2**15) % 2**16 - 2**15
        write("strip.hea", f"strip 1 250 {len(samples)}\nstrip.dat 16 200(0)/mV 16 0 {samples[0]} {check} 0 II\n")


def waves(draw, numbers):
    """Rows of two waves, of which the second runs ahead of the first or lags behind it."""
    rows = []
    for number in numbers:
        shift, start = 1 - 2 * (number % 2), draw.uniform(0, 6)
        for time in range(10 + number % 3):
            left, right = (math.sin(0.7 * time + start + more) for more in (0, shift))
            rows.append(f"{number},{time},{left:.2f},{right:.2f},{'ahead' if shift > 0 else 'behind'}\n")
    return "".join(rows)


def recipe(draw, words):
    """One of fastText's lines, with none, one or two labels."""
    labels = draw.sample(sorted(words), draw.choice([0, 1, 1, 2]))
    text = [*(draw.choice(words[label]) for label in labels), "with", "how", "much"]
    draw.shuffle(text)
    return " ".join([*(f"__label__{label}" for label in labels), *text]) + "\n"


def named(draw):
    """A sentence with a person and a place of one to three words, in columns."""
    people = (("Ann", "U-PER"),), (("Bob", "B-PER"), ("Lee", "L-PER"))
    places = (
        (("Oslo", "U-LOC"),),
        (("New", "B-LOC"), ("York", "L-LOC")),
        (("New", "B-LOC"), ("Mill", "I-LOC"), ("Bay", "L-LOC")),
    )
    rows = [*draw.choice(people), (draw.choice(["lives", "sleeps"]), "O"), ("in", "O"), *draw.choice(places)]
    return "".join(f"{word} {tag}\n" for word, tag in rows) + "\n"


def conllu(sentence):
    rows = [f"{at}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n" for at, (word, tag) in enumerate(sentence, start=1)]
    return "".join(rows) + "\n"


def shops(days):
    """Sales of two shops, which depend on the weekday."""
    rows = []
    for shop, size in (("north", 30), ("south", 20)):
        for day in days:
            sales = size + (10 if day % 7 in (5, 6) else 0) + 3 * math.sin(5 * day)
            rows.append(f"{shop},{date(2024, 1, 1) + timedelta(days=day)},{sales:.1f}\n")
    return "".join(rows)


def millivolts(seconds):
    """A heart of 75 beats a minute: P, Q, R, S and T as bells."""
    bells = ((0.2, 0.1, 0.025), (0.33, -0.1, 0.01), (0.36, 1.1, 0.011), (0.39, -0.2, 0.012), (0.6, 0.3, 0.04))
    return sum(height * math.exp(-(((seconds % 0.8 - at) / width) ** 2) / 2) for at, height, width in bells)


if __name__ == "__main__":
    main(sys.argv[1:])
