import numpy as np
import pytest

import elman
from elman.training.reporters import Quiet

REST = ["MinGRU", "MinLSTM", "RGLRU", "SLSTM", "MLSTM", "EchoState"]


@pytest.mark.parametrize("name", ["LRU", *(pytest.param(name, marks=pytest.mark.slow) for name in REST)])
def test_a_cell_is_trained_saved_and_loaded_by_its_name(name, small_text, tmp_path):
    task = elman.LanguageModelling(
        cell=name,
        hidden_size=8,
        embedding_size=6,
        num_layers=1,
        batch_size=4,
        unroll_length=16,
        validation=100,
        dropout=0,
    )
    data = task.read_text(small_text)
    fitted = elman.fit(task, data, steps=30, evaluations=2, report=Quiet())
    assert fitted.evaluate(data.test).nats_per_token < np.log(data.codec.size)
    fitted.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert again.generate("the", length=20, seed=1) == fitted.generate("the", length=20, seed=1)
