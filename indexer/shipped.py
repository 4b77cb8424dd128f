"""Find the files that travel with the code: in a checkout beside the packages, in a wheel inside this one."""

from pathlib import Path

from platformdirs import user_data_path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def shipped_path(relative: str) -> Path:
    """Return the path of a shipped file or folder, such as 'data/catalogue/practices.jsonl'."""
    in_wheel = _PACKAGE / "shipped" / relative
    return in_wheel if in_wheel.exists() else _CHECKOUT / relative


def home() -> Path:
    """Return the folder for what the program makes: the checkout, or the user's data folder for an installed wheel."""
    is_checkout = (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "models" / "registry.toml").is_file()
    return _CHECKOUT if is_checkout else user_data_path("practices")
