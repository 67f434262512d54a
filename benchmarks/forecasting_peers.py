"""Forecasts by models that are not recurrent, by the same protocols as `benchmarks/forecasting.py`, which prints them
beside elman's.

    python benchmarks/forecasting_peers.py sunspots
    python benchmarks/forecasting_peers.py etth1 [--window 336] [--horizons 96 192 336 720] [--seeds 0]
    python benchmarks/forecasting_peers.py sine [--seeds 0]

sunspots: monthly numbers; models are fitted once, on 1749 to 1949, and forecast each month of 1950 to 1983 from those
before. Autoregressions of all orders up to the largest, of which one is chosen by AIC and one by the test part itself,
which no model could know: it is the strictest that can be asked. ETS (statsmodels): additive errors and trend with and
without damping and a season of 12; its level goes on over the test part with the smoothing of the training part.

etth1: 12, 4 and 4 months; MSE and MAE of all windows of the test part, over channels, scaled by the training part.
DLinear (Zeng et al., 2023) in PyTorch with its authors' settings: a linear layer on the moving average of 25 hours and
one on the rest, shared by all channels; the validation part stops it.

sine: 1000 sines of 900 steps, the next 10 steps of every tenth window in the last 90 steps. Autoregressions of order 2
of each sine's own, which are exact, since a sine is a weighted sum of its last two values; and one model for all.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np

from elman.data.generated_series import sines
from elman.data.histories import read_histories
from elman.data.windows import ends_of
from elman.models.baselines import LinearAutoregression, NonlinearAutoregression, SeasonalNaive

FOLDER = Path(os.environ.get("ELMAN_DATA", "shared/data")) / "timeseries"
HORIZONS = (96, 192, 336, 720)
ORDERS = range(1, 61)


def sunspots():
    """The monthly numbers and where the test part begins."""
    [history] = read_histories(FOLDER / "monthly-sunspots.csv").histories
    return history.values[:, 0], int(np.searchsorted(history.stamps, np.datetime64("1950-01-01")))


def one_step(model, series, begin, window):
    """The root mean squared error of each value from `begin` on, forecast from the `window` values before it."""
    rows = np.lib.stride_tricks.sliding_window_view(series[begin - window : -1], window)
    return float(np.sqrt(np.mean((model.forecast(rows, 1)[:, 0] - series[begin:]) ** 2)))


def sunspot_autoregressions():
    """RMSE of the order that AIC chooses and of the order that is best on the test part, each with its order."""
    series, begin = sunspots()
    chosen = len(LinearAutoregression.best([series[:begin]], orders=ORDERS).weights)
    found = {
        order: one_step(LinearAutoregression.fit([series[:begin]], order=order), series, begin, order)
        for order in ORDERS
    }
    best = min(found, key=lambda order: found[order])
    return {"AIC": (chosen, found[chosen]), "test": (best, found[best])}


def sunspot_ets(*, damped, season):
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    series, begin = sunspots()
    options = {"trend": "add", "damped_trend": damped}
    options |= {"seasonal": "add", "seasonal_periods": 12} if season else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learned = ETSModel(series[:begin], **options).fit(disp=False)
        whole = ETSModel(series, **options).smooth(learned.params)
    return float(np.sqrt(np.mean((whole.fittedvalues[begin:] - series[begin:]) ** 2)))


def print_sunspots(options):
    series, begin = sunspots()
    print("| model | RMSE of one step, 1950 to 1983 |")
    print("|---|---|")
    print(f"| the month before | {one_step(SeasonalNaive(1), series, begin, 1):.3f} |")
    found = sunspot_autoregressions()
    for how, (order, error) in found.items():
        print(f"| AR({order}), the best by {how} | {error:.3f} |")
    order, _ = found["AIC"]
    print(f"| statsmodels AutoReg({order}) | {statsmodels_autoregression(order):.3f} |")
    for damped in (False, True):
        for season in (False, True):
            name = f"statsmodels ETS, {'damped ' if damped else ''}trend{', season of 12' if season else ''}"
            print(f"| {name} | {sunspot_ets(damped=damped, season=season):.3f} |")
    for seed in options.seeds:
        model = NonlinearAutoregression.fit([series[:begin]], order=24, seed=seed)
        print(f"| non-linear AR(24), seed {seed} | {one_step(model, series, begin, 24):.3f} |")


def statsmodels_autoregression(order):
    from statsmodels.tsa.ar_model import AutoReg

    series, begin = sunspots()
    weights = AutoReg(series[:begin], order).fit().params
    rows = np.lib.stride_tricks.sliding_window_view(series[begin - order : -1], order)
    return float(np.sqrt(np.mean((weights[0] + rows[:, ::-1] @ weights[1:] - series[begin:]) ** 2)))


def etth1():
    """The scaled channels of the three parts, and where these end."""
    histories = read_histories(FOLDER / "ETTh1.csv.xz").histories
    ends = ends_of(histories[0], train=8640, validation=2880, test=2880)
    values = np.concatenate([one.values for one in histories], axis=1).T[:, : ends.test]
    train = values[:, : ends.train]
    return (values - train.mean(axis=1, keepdims=True)) / train.std(axis=1, keepdims=True), ends


def windows(values, span, window, horizon):
    """Histories and what came after them, of all horizons that lie in the span, of all channels."""
    begin, end = span
    runs = np.lib.stride_tricks.sliding_window_view(values[:, begin - window : end], window + horizon, axis=1)
    return runs[..., :window], runs[..., window:]


def errors(forecast, values, span, window, horizon):
    """MSE and MAE over all windows of a part, a channel at a time."""
    histories, truth = windows(values, span, window, horizon)
    found = [forecast(rows) - after for rows, after in zip(histories, truth, strict=True)]
    return float(np.mean([(one**2).mean() for one in found])), float(np.mean([np.abs(one).mean() for one in found]))


def dlinear(values, ends, *, window, horizon, seed, epochs=10, patience=3, learning_rate=0.005, batch_size=32):
    """A function from rows of known values to forecasts."""
    import torch

    torch.manual_seed(seed)
    average = torch.nn.Sequential(torch.nn.ReplicationPad1d(12), torch.nn.AvgPool1d(25, stride=1))
    layers = torch.nn.ModuleList(torch.nn.Linear(window, horizon) for _ in range(2))

    def model(rows):
        trend = average(rows)
        return layers[0](rows - trend) + layers[1](trend)

    def forecast(rows):
        with torch.no_grad():
            parts = np.array_split(np.ascontiguousarray(rows, np.float32), max(1, len(rows) // 1000))
            return np.concatenate([model(torch.from_numpy(part[None]))[0].numpy() for part in parts])

    histories, after = (array.swapaxes(0, 1) for array in windows(values, (window, ends.train), window, horizon))
    optimiser = torch.optim.Adam(layers.parameters(), lr=learning_rate)
    random, best, stale, kept = np.random.default_rng(seed), np.inf, 0, None
    for epoch in range(epochs):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * 0.5**epoch
        order = random.permutation(len(histories))
        for begin in range(0, len(order) - batch_size + 1, batch_size):
            rows = order[begin : begin + batch_size]
            xs, ys = (torch.from_numpy(array[rows].astype(np.float32)) for array in (histories, after))
            loss = torch.nn.functional.mse_loss(model(xs), ys)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        error, _ = errors(forecast, values, ends.span("validation"), window, horizon)
        stale = 0 if error < best else stale + 1
        if error < best:
            best, kept = error, {name: weight.clone() for name, weight in layers.state_dict().items()}
        if stale == patience:
            break
    layers.load_state_dict(kept)
    return forecast


def etth1_models(values, ends, *, window, horizon, seeds):
    """Names, and how each is fitted to a function from rows of known values to forecasts."""
    yield "a day before", lambda: lambda rows: SeasonalNaive(24).forecast(rows, horizon)
    pooled = list(values[:, : ends.train])
    yield (
        f"AR({window}), one for all channels",
        lambda: partial_forecast(LinearAutoregression.fit(pooled, order=window, penalty=1.0), horizon),
    )
    for seed in seeds:
        yield (
            f"DLinear, seed {seed}",
            lambda seed=seed: dlinear(values, ends, window=window, horizon=horizon, seed=seed),
        )


def partial_forecast(model, horizon):
    return lambda rows: model.forecast(rows, horizon)


def print_etth1(options):
    values, ends = etth1()
    print("| model | window | horizon | MSE | MAE | processor seconds |")
    print("|---|---|---|---|---|---|")
    for horizon in options.horizons:
        found = etth1_models(values, ends, window=options.window, horizon=horizon, seeds=options.seeds)
        for name, fit in found:
            begun = time.process_time()
            squared, absolute = errors(fit(), values, ends.span("test"), options.window, horizon)
            seconds = time.process_time() - begun
            print(
                f"| {name} | {options.window} | {horizon} | {squared:.4f} | {absolute:.4f} | {seconds:.0f} |",
                flush=True,
            )


def print_sine(options):
    window, horizon, learned = 100, 10, 720
    print("| model | seed | MSE |")
    print("|---|---|---|")
    for seed in options.seeds:
        series = np.stack([one.values[:, 0] for one in sines(1000, 900, seed=seed).histories])
        runs = np.lib.stride_tricks.sliding_window_view(series[:, 810 - window :], window + horizon, axis=1)[:, ::10]
        train = list(series[:, :learned])
        for name, models in (
            ("own AR(2)", [LinearAutoregression.fit([one], order=2) for one in train]),
            (
                "AR(100), one for all, of 100 of them",
                [LinearAutoregression.fit(train[:100], order=window, penalty=1e-3)] * len(train),
            ),
        ):
            found = [model.forecast(rows[:, :window], horizon) for model, rows in zip(models, runs, strict=True)]
            print(f"| {name} | {seed} | {np.mean((np.stack(found) - runs[..., window:]) ** 2):.2e} |", flush=True)


PROBLEMS = {"sunspots": print_sunspots, "etth1": print_etth1, "sine": print_sine}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--window", type=int, default=336)
    parser.add_argument("--horizons", nargs="+", type=int, default=HORIZONS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0], help="none leaves out what is random")
    options = parser.parse_args()
    PROBLEMS[options.problem](options)


if __name__ == "__main__":
    main()
