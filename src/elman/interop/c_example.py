"""A small program that uses a network in C: it continues a text, marks the waves of an ECG, or reads numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.interop.c_source import Source
from elman.interop.c_text import Member, quoted
from elman.interop.c_values import literal
from elman.tasks.ecg.codec import LEAST_SIZE, SIZE_SECONDS, WANDER_SECONDS, WAVES, EcgCodec
from elman.tasks.fitted import Fitted
from elman.words.vocabulary import Bytes, Characters

_HEAD = """\
/* {what}
 *
 * cc -std=c99 -O2 main.c {name}.c -o {name} -lm
 */
"""

_TEXT = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "{name}.h"

/* The bytes of each token, in UTF-8; those that are never written have none. */
static const struct {{ int length; const char *bytes; }} tokens[{count}] = {{
{tokens}
}};

static {name}_state state;
static {name}_input input;
static {name}_output output;

/* The token that a text begins with, or -1. */
static int token_of(const char *text)
{{
    for (int i = 0; i < {count}; i++)
        if (tokens[i].length && !strncmp(text, tokens[i].bytes, (size_t)tokens[i].length)) return i;
    return -1;
}}

/* The likeliest next token. */
static int likeliest(void)
{{
    int best = -1;
    for (int i = 0; i < {count}; i++)
        if (tokens[i].length && (best < 0 || output.logits[i] > output.logits[best])) best = i;
    return best;
}}

int main(int count, char **arguments)
{{
    const char *text = count > 1 ? arguments[1] : "";
    const int length = count > 2 ? atoi(arguments[2]) : 100;
    if (!*text) {{
        fprintf(stderr, "usage: {name} TEXT [NUMBER OF TOKENS]\\n");
        return 2;
    }}
    {name}_start(&state);
    for (const char *rest = text; *rest; rest += tokens[input.tokens].length) {{
        input.tokens = token_of(rest);
        if ({name}_step(&state, &input, &output)) {{
            fprintf(stderr, "the model has no character for: %s\\n", rest);
            return 1;
        }}
    }}
    fputs(text, stdout);
    for (int i = 0; i < length; i++) {{
        input.tokens = likeliest();
        fwrite(tokens[input.tokens].bytes, 1, (size_t)tokens[input.tokens].length, stdout);
        if ({name}_step(&state, &input, &output)) return 1;
    }}
    putchar('\\n');
    return ferror(stdout) ? 1 : 0;
}}
"""

_ECG = """\
#include <math.h>
#include <stdio.h>

#include "{name}.h"

enum {{ DELAY = {delay}, STRIDE = {stride}, LABELS = {labels} }};

static const char *const waves[LABELS] = {{{waves}}};

static {name}_state state;
static {name}_input input;
static {name}_output output;

/* Running means over past samples: of the signal, which is its baseline, and of its power. */
static float total, total_weight, power, power_weight, last;
static int filled;
static long answered = -DELAY;

/* The two features of the next sample, in mV. */
static void features(float sample, float *feature)
{{
    last = isfinite(sample) ? sample : last;
    total = last + {wander} * total;
    total_weight = 1.0f + {wander} * total_weight;
    const float steady = last - total / total_weight;
    power = steady * steady + {size} * power;
    power_weight = 1.0f + {size} * power_weight;
    const float scaled = steady / fmaxf(sqrtf(power / power_weight), {least});
    feature[0] = asinhf(steady / 0.1f);
    feature[1] = fminf(fmaxf(scaled, -8.0f), 8.0f);
}}

/* Runs the network, and writes the number of each sample and its wave. */
static int answer(long samples)
{{
    const int failed = {name}_step(&state, &input, &output);
    filled = 0;
    for (int i = 0; i < STRIDE; i++, answered++) {{
        int best = 0;
        for (int label = 1; label < LABELS; label++)
            if (output.scores_0[i * LABELS + label] > output.scores_0[i * LABELS + best]) best = label;
        if (answered >= 0 && answered < samples) printf("%ld %s\\n", answered, waves[best]);
    }}
    return failed;
}}

int main(void)
{{
    float sample;
    long samples = 0;
    {name}_start(&state);
    for (; scanf("%f", &sample) == 1; samples++) {{
        features(sample, &input.signal[2 * filled++]);
        if (filled == STRIDE && answer(samples + 1)) return 1;
    }}
    while (answered < samples) {{ /* after the last sample come zeros */
        for (; filled < STRIDE; filled++) input.signal[2 * filled] = input.signal[2 * filled + 1] = 0.0f;
        if (answer(samples)) return 1;
    }}
    return 0;
}}
"""

_NUMBERS = """\
#include <stdio.h>

#include "{name}.h"

static {name}_state state;
static {name}_input input;
static {name}_output output;

{readers}static int read_input(void)
{{
    return {read};
}}

int main(void)
{{
    {name}_start(&state);
    while (read_input()) {{
        if ({name}_step(&state, &input, &output)) {{
            fputs("a whole number is out of its range\\n", stderr);
            return 1;
        }}
{write}
        putchar('\\n');
    }}
    return 0;
}}
"""


_PRINT = 'printf("%.9g ", (double)output.{});'


def example(fitted: Any, source: Source) -> str:
    """The text of `main.c`."""
    codec = fitted.codec if isinstance(fitted, Fitted) else None
    match codec:
        case Characters() | Bytes():
            return _text(codec, source)
        case EcgCodec():
            return _ecg(codec, fitted.model, source)
    return _numbers(source)


def _text(codec: Characters | Bytes, source: Source) -> str:
    spelt = [
        bytes([id]) if isinstance(codec, Bytes) else (codec.text(id) or "").encode("utf-8", "replace")
        for id in range(source.structs.outputs[0].size)
    ]
    lines = [f"    {{{0 if one == bytes(1) else len(one)}, {quoted(one)}}}," for one in spelt]
    what = "Continues a text by the likeliest tokens: ./{name} TEXT 100."
    if isinstance(codec, Characters) and (codec.lower or codec.normal_form):
        what += " The text is spelt as `codec.json` says."
    return (_HEAD + _TEXT).format(
        name=source.name, what=what.format(name=source.name), count=len(spelt), tokens="\n".join(lines)
    )


def _ecg(codec: EcgCodec, model: Any, source: Source) -> str:
    decays = [np.float32(np.exp(-1 / (seconds * codec.rate))) for seconds in (WANDER_SECONDS, SIZE_SECONDS)]
    what = f"Writes the wave of each sample of an ECG from standard input: a lead in mV, {codec.rate:g} times a second."
    steps, labels = source.structs.outputs[0].shape[1:]
    return (_HEAD + _ECG).format(
        name=source.name, what=what, delay=model.delay, stride=steps, labels=labels,
        waves=", ".join(f'"{wave or "-"}"' for wave in WAVES),
        wander=literal(decays[0]), size=literal(decays[1]), least=literal(np.float32(LEAST_SIZE)),
    )  # fmt: skip


def _numbers(source: Source) -> str:
    def each(one: Member, action: str) -> str:
        if one.size == 1:
            return action.format(f"{one.name}")
        return f"for (int i = 0; i < {one.size}; i++) {action.format(f'{one.name}[i]')}"

    kinds = {"float": '"%f"', "index": '"%" SCNd32'}
    readers, reads = list[str](), list[str]()
    for one in source.structs.inputs:
        scan = f"scanf({kinds[one.kind]}, &input.{{}})"
        if one.size == 1:
            reads.append(f"{scan.format(one.name)} == 1")
        else:
            loop = each(one, f"if ({scan} != 1) return 0;")
            readers.append(f"static int read_{one.name}(void)\n{{\n    {loop}\n    return 1;\n}}\n")
            reads.append(f"read_{one.name}()")
    write = "\n".join(f"        {each(one, _PRINT)}" for one in source.structs.outputs)
    order = [
        ", ".join(f"{one.name} ({one.size})" for one in members)
        for members in (source.structs.inputs, source.structs.outputs)
    ]
    what = f"Reads the numbers of each step from standard input: {order[0]}; writes those of {order[1]}."
    text = (_HEAD + _NUMBERS).format(
        name=source.name,
        what=what,
        readers="".join(f"{one}\n" for one in readers),
        read=" && ".join(reads),
        write=write,
    )
    return text.replace("#include <stdio.h>", "#include <inttypes.h>\n#include <stdio.h>") if "SCNd32" in text else text
