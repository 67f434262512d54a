"""Forecasts by models that are not recurrent, by the protocols of `benchmarks/forecasting.py`, which with `--peers`
measures them beside elman's.

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

import time
import warnings

import numpy as np

from elman.tasks.forecasting.baselines import LinearAutoregression, NonlinearAutoregression, SeasonalNaive
from elman.tasks.forecasting.generated import sines
from elman.tasks.forecasting.histories import read_histories
from elman.tasks.forecasting.windows import ends_of
from options import DATA
from results import Table
from turns import present

FOLDER = DATA / "timeseries"
ORDERS = range(1, 61)
ETTH1_COLUMNS = {
    "model": "",
    "history": "",
    "horizon": "",
    "MSE": ".3f",
    "MAE": ".3f",
    "validation MAE": ".3f",
    "processor seconds": ".0f",
}


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
    rmse = {
        order: one_step(LinearAutoregression.fit([series[:begin]], order=order), series, begin, order)
        for order in ORDERS
    }
    best = min(rmse, key=lambda order: rmse[order])
    return {"AIC": (chosen, rmse[chosen]), "test": (best, rmse[best])}


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


def sunspots_table(options):
    series, begin = sunspots()
    rmse = sunspot_autoregressions()
    with Table("sunspots-peers", {"model": "", "RMSE of one step, 1950 to 1983": ".3f"}, options) as table:
        table.add("the month before", one_step(SeasonalNaive(1), series, begin, 1))
        for how, (order, error) in rmse.items():
            table.add(f"AR({order}), the best by {how}", error)
        for seed in options.seeds:
            model = NonlinearAutoregression.fit([series[:begin]], order=24, seed=seed)
            table.add(f"non-linear AR(24), seed {seed}", one_step(model, series, begin, 24))
        if not present(["statsmodels"]):
            return
        order, _ = rmse["AIC"]
        table.add(f"statsmodels AutoReg({order})", statsmodels_autoregression(order))
        for damped in (False, True):
            for season in (False, True)[: 1 if options.smoke else 2]:
                name = f"statsmodels ETS, {'damped ' if damped else ''}trend{', season of 12' if season else ''}"
                table.add(name, sunspot_ets(damped=damped, season=season))


def statsmodels_autoregression(order):
    from statsmodels.tsa.ar_model import AutoReg

    series, begin = sunspots()
    weights = AutoReg(series[:begin], order).fit().params
    rows = np.lib.stride_tricks.sliding_window_view(series[begin - order : -1], order)
    return float(np.sqrt(np.mean((weights[0] + rows[:, ::-1] @ weights[1:] - series[begin:]) ** 2)))


def etth1_channels():
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
    differences = [forecast(rows) - after for rows, after in zip(histories, truth, strict=True)]
    return float(np.mean([(one**2).mean() for one in differences])), float(
        np.mean([np.abs(one).mean() for one in differences])
    )


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
    random, best, stale, best_weights = np.random.default_rng(seed), np.inf, 0, None
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
            best, best_weights = error, {name: weight.clone() for name, weight in layers.state_dict().items()}
        if stale == patience:
            break
    layers.load_state_dict(best_weights)
    return forecast


def etth1_models(values, ends, horizon, options):
    """Names, and how each is fitted to a function from rows of known values to forecasts."""
    yield "a day before", lambda: lambda rows: SeasonalNaive(24).forecast(rows, horizon)
    pooled = list(values[:, : ends.train])
    yield (
        "AR, one for all channels",
        lambda: partial_forecast(LinearAutoregression.fit(pooled, order=options.window, penalty=1.0), horizon),
    )
    sizes = {"window": options.window, "horizon": horizon, "epochs": 1 if options.smoke else 10}
    for seed in options.seeds if present(["torch"]) else ():
        yield f"DLinear, seed {seed}", lambda seed=seed: dlinear(values, ends, **sizes, seed=seed)


def partial_forecast(model, horizon):
    return lambda rows: model.forecast(rows, horizon)


def etth1_table(options):
    values, ends = etth1_channels()
    with Table(f"etth1-peers-{options.window}", ETTH1_COLUMNS, options) as table:
        for horizon in options.horizons:
            for name, fit in etth1_models(values, ends, horizon, options):
                begun = time.process_time()
                differences = errors(fit(), values, ends.span("test"), options.window, horizon)
                table.add(name, options.window, horizon, *differences, None, time.process_time() - begun)


def sine_table(options):
    window, horizon, learned = 100, 10, 720
    with Table("sine-peers", {"model": "", "seed": "", "MSE": ".2e"}, options) as table:
        for seed in options.seeds:
            waves = sines(20 if options.smoke else 1000, 900, seed=seed)
            series = np.stack([one.values[:, 0] for one in waves.histories])
            views = np.lib.stride_tricks.sliding_window_view(series[:, 810 - window :], window + horizon, axis=1)
            ends, train = views[:, ::10], list(series[:, :learned])
            for name, models in (
                ("own AR(2)", [LinearAutoregression.fit([one], order=2) for one in train]),
                (
                    "AR(100), one for all, of 100 of them",
                    [LinearAutoregression.fit(train[:100], order=window, penalty=1e-3)] * len(train),
                ),
            ):
                pairs = zip(models, ends, strict=True)
                forecasts = np.stack([model.forecast(rows[:, :window], horizon) for model, rows in pairs])
                table.add(name, seed, float(np.mean((forecasts - ends[..., window:]) ** 2)))


PEERS = {"sunspots": sunspots_table, "etth1": etth1_table, "sine": sine_table}
