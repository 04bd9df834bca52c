"""Photos that took part in the training are counted, so that flattering figures are called so."""

import hashlib
import json

import pytest

from agematch.errors import ConfigError
from agematch.evaluation import trained_on


def test_photos_of_the_training_are_counted(tmp_path):
    digests = [hashlib.sha256(bytes([i])).hexdigest() for i in range(9)]
    assert trained_on.read(tmp_path) == frozenset()
    path = tmp_path / trained_on.FILE_NAME
    path.write_text(json.dumps(trained_on.as_table(digests[:5])), encoding="utf-8")
    prefixes = trained_on.read(tmp_path)
    assert len(prefixes) == 5 and {len(one) for one in prefixes} == {12}
    assert trained_on.seen(prefixes, digests[3:]) == 2
    assert trained_on.seen(prefixes, digests[5:]) == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "other"}', '{"schema": "agematch.trained-on/1"}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    (tmp_path / trained_on.FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"trained_on.json is not usable"):
        trained_on.read(tmp_path)
