import pytest
from support.driven_pic import Chip


@pytest.fixture
def chip(on):
    """A master or a single chip, on the HDL and on the model."""
    return Chip(on)
