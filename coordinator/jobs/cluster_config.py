"""The ``[cluster]`` table of a job: many stores instead of one, and the lake they are published into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from barhouse.store.errors import InputError
from barhouse.store.lake.address import LakeAddress

BARS_PER_SHARD = 100_000_000

EngineName = Literal["local", "dask"]


def _lake(given: str) -> str:
    try:
        LakeAddress.parse(given)
    except InputError as error:
        raise ValueError(str(error)) from None
    return given


class ClusterConfig(BaseModel):
    """A job over many stores, each with a range of symbols: the ``[cluster]`` table."""

    model_config = ConfigDict(extra="forbid")

    stores: str = Field(
        min_length=1,
        description="the folder of the stores' files, each as it was published: one that all machines share, or "
        "s3://bucket/path",
    )
    lake: Annotated[str, AfterValidator(_lake)] = Field(
        description="what analysts open: the path of its catalog, on one machine, or ducklake:postgres:dbname=bars "
        "host=db"
    )
    data: str = Field(min_length=1, description="the folder of the lake's files, which is the lake's alone")
    shards: int | None = Field(
        default=None, ge=1, le=100_000, description="how many stores, where the lake has none yet; or bars_per_shard"
    )
    bars_per_shard: int | None = Field(
        default=None,
        ge=1,
        description=f"how many base bars a store should hold of what is there at first; {BARS_PER_SHARD:,} by default",
    )
    engine: EngineName = Field(default="local", description="what runs shards: processes of this machine, or Dask")
    address: str | None = Field(default=None, description="of the engine's scheduler, such as tcp://scheduler:8786")
    workers: int | None = Field(
        default=None, ge=1, description="how many shards at a time; by default as many as processors, or as Dask has"
    )
    scratch: Path = Field(
        default=Path("~/.cache/barhouse"),
        description="where a machine works on stores, and keeps them for the next time",
    )
    patience_seconds: float = Field(
        default=300, gt=0, le=1e6, allow_inf_nan=False, description="how long to wait for others who publish"
    )

    @model_validator(mode="after")
    def _one_size(self) -> ClusterConfig:
        if self.shards is not None and self.bars_per_shard is not None:
            raise ValueError("shards and bars_per_shard say two things; say one of them")
        if self.engine == "dask" and self.address is None:
            raise ValueError("engine = 'dask' needs the address of its scheduler, such as tcp://scheduler:8786")
        if self.engine == "local" and self.address is not None:
            raise ValueError("engine = 'local' runs on this machine and has no address; leave it out, or say 'dask'")
        return self
