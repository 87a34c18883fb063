"""Custom files: a small TOML or YAML mapping file says which column is what.

See docs/loading-data.md for a worked example. Everything in it is checked before the data are opened.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data.admission import Columns, Proposal, ReadOptions, admit_file
from data.blocks import Block, TableFile
from data.columnar import ParquetTable
from data.delimited import DelimitedFile
from data.source_block import SourceBlock, check_columns
from fraud.errors import InputError, RecordError
from fraud.fields import CANONICAL_COLUMNS, COLUMNS, PERSONAL_COLUMNS, read_text
from fraud.instant import EPOCH
from fraud.transaction import read_currency

__all__ = ["Mapping", "load", "read_mapping"]

_KIND = {column.name: column.kind for column in COLUMNS}
_EPOCH_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_LARGEST_MAPPING = 65_536

Name = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSection(_Section):
    """How the file is written. Delimiter and encoding are for text files."""

    delimiter: str = Field(default=",", pattern=r"^[ -!#-~\t]$")
    encoding: str = "utf-8"
    row_ids: str | None = Field(default=None, min_length=1, max_length=64)
    """Makes transaction ids of this prefix and the row number, for files without ids."""


class TimeSection(_Section):
    """How times are written; without any of it, as ISO-8601."""

    format: str | None = None
    """A strptime layout such as ``%d.%m.%Y %H:%M``."""
    epoch: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of a number counted since 1970."""
    timezone: str = "UTC"
    """Zone of times in a layout without one."""

    @field_validator("format")
    @classmethod
    def _is_layout(cls, layout: str | None) -> str | None:
        if layout is not None:
            try:
                datetime.strptime(EPOCH.strftime(layout), layout)
            except ValueError:
                raise ValueError("is no strptime layout, such as %d.%m.%Y %H:%M") from None
            if not any(code in layout for code in ("%d", "%j", "%x", "%c")):
                raise ValueError("holds no day; write a layout such as %d.%m.%Y %H:%M")
        return layout

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("is no time zone, such as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if self.format is not None and self.epoch is not None:
            raise ValueError("give either format or epoch")
        return self


class AmountSection(_Section):
    """How amounts are written."""

    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """What one unit in the file is worth: 0.01 for cents."""
    payments: Literal["positive", "negative", "any"] = "positive"
    """Which sign a payment has; rows of the other sign are refused. "any" drops the sign."""
    decimal_comma: bool = False
    strip: str = Field(default="", max_length=16)
    """Characters to drop, such as currency signs and spaces."""


class TruthSection(_Section):
    """The words of the truth columns."""

    fraud: list[Name] = ["1"]
    honest: list[Name] = ["0"]


class Mapping(_Section):
    """A mapping file: canonical names to columns of the file, and how those are written."""

    columns: dict[str, Name]
    constants: dict[str, Name] = {}
    """Canonical text column to the value it has in every row."""
    file: FileSection = FileSection()
    time: TimeSection = TimeSection()
    amount: AmountSection = AmountSection()
    truth: TruthSection = TruthSection()

    @field_validator("columns", "constants")
    @classmethod
    def _are_canonical(cls, names: dict[str, str]) -> dict[str, str]:
        for name in names:
            if name not in CANONICAL_COLUMNS:
                raise ValueError(f"{name} is no canonical column; they are {', '.join(CANONICAL_COLUMNS)}")
        return names

    @field_validator("constants")
    @classmethod
    def _are_valid(cls, constants: dict[str, str]) -> dict[str, str]:
        for name, value in constants.items():
            if _KIND[name] != "text" or name == "transaction_id":
                raise ValueError(f"{name} differs from row to row; map it to a column")
            try:
                read_currency(value) if name == "currency" else read_text(name, value)
            except RecordError as error:
                raise ValueError(str(error)) from None
        return constants

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        given = {*self.columns, *self.constants}
        twice = sorted(set(self.columns) & set(self.constants))
        if twice:
            raise ValueError(f"{twice[0]} is both a column and a constant")
        if self.file.row_ids is not None:
            if "transaction_id" in given:
                raise ValueError("transaction_id has a column, and file.row_ids makes ids too; drop one")
            given.add("transaction_id")
        lacking = [column.name for column in COLUMNS if column.required and column.name not in given]
        if lacking:
            raise ValueError(f"columns lacks {', '.join(lacking)}")
        if not given & {"merchant_id", "counterparty_id"}:
            raise ValueError("columns lacks merchant_id or counterparty_id; one is needed")
        return self


def read_mapping(path: Path) -> Mapping:
    """Reads a mapping file, TOML or YAML by its name. Raises InputError that names the entry at fault."""
    content = _read_content(path)
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {'; '.join(_explain(error))}") from None


def load(path: Path, mapping: Mapping, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads a delimited text file (any name) or a .parquet file into a canonical table, as the mapping says.

    Bad rows become dead letters; the reason names the file's own column where a value cannot be read at all.
    """
    file: TableFile
    if path.suffix == ".parquet":
        file = ParquetTable(path)
    else:
        file = DelimitedFile(path, delimiter=mapping.file.delimiter, encoding=mapping.file.encoding)
    wanted = sorted(set(mapping.columns.values()))
    check_columns(file, wanted, "mapped")
    personal = {name for canonical, name in mapping.columns.items() if canonical in PERSONAL_COLUMNS}

    def propose(block: Block) -> Proposal:
        rows = SourceBlock(block, personal=personal)
        return rows.propose(_convert(rows, mapping))

    return admit_file(file, wanted, propose, options or ReadOptions())


def _convert(rows: SourceBlock, mapping: Mapping) -> Columns:
    columns: dict[str, pa.Array] = {}
    if mapping.file.row_ids is not None:
        columns["transaction_id"] = rows.row_ids(mapping.file.row_ids)
    for canonical, name in mapping.columns.items():
        columns[canonical] = _column(rows, canonical, name, mapping)
    for canonical, value in mapping.constants.items():
        columns[canonical] = rows.constant(value)
    return columns


def _column(rows: SourceBlock, canonical: str, name: str, mapping: Mapping) -> pa.Array:
    kind = _KIND[canonical]
    if canonical == "amount":
        return _amount(rows, name, mapping.amount)
    if kind == "time":
        return _time(rows, name, mapping.time)
    if kind == "number":
        return rows.number(name, decimal_comma=mapping.amount.decimal_comma)
    if kind == "flag":
        return rows.flag(name, fraud=mapping.truth.fraud, honest=mapping.truth.honest)
    return rows.raw(name)


def _amount(rows: SourceBlock, name: str, section: AmountSection) -> pa.Array:
    sign = -1 if section.payments == "negative" else 1
    amount = rows.number(
        name, scale=sign * section.scale, strip=section.strip, decimal_comma=section.decimal_comma
    )
    return pc.abs(amount) if section.payments == "any" else amount


def _time(rows: SourceBlock, name: str, section: TimeSection) -> pa.Array:
    if section.epoch is not None:
        return rows.steps(name, start=EPOCH, unit=_EPOCH_MICROSECONDS[section.epoch])
    if section.format is not None:
        zone: tzinfo = ZoneInfo(section.timezone)
        return rows.written_time(name, section.format, zone)
    return rows.raw(name)


def _read_content(path: Path) -> object:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if len(data) > _LARGEST_MAPPING:
        raise InputError(f"{path}: is larger than {_LARGEST_MAPPING} bytes; is it a mapping file?")
    try:
        text = data.decode("utf-8")
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix in {".yaml", ".yml"}:
            return yaml.safe_load(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError) as error:
        problem = str(error).splitlines()[0]
        raise InputError(f"{path}: is not readable ({problem}); see docs/loading-data.md") from None
    raise InputError(f"{path}: the name must end in .toml, .yaml or .yml")


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        yield f"{where}: {text}" if where else text
