"""Stands in for `cyst.api.configuration`: classes that the importer looks at, with the fields it reads."""

from __future__ import annotations

from enum import Enum
from typing import Any

from attrs import Factory, define


class ConfigItem:
    pass


class FirewallPolicy(Enum):
    ALLOW = 0
    DENY = 1


@define
class DataConfig(ConfigItem):
    owner: str
    description: str
    path: str = ""


@define
class ActiveServiceConfig(ConfigItem):
    name: str


@define
class PassiveServiceConfig(ConfigItem):
    name: Any
    owner: str = "root"
    version: str = "1.0"
    local: bool = False
    private_data: list[Any] = Factory(list)
    public_data: list[Any] = Factory(list)


@define
class InterfaceConfig(ConfigItem):
    ip: str
    net: str


@define
class FirewallRule:
    src_net: str
    dst_net: str
    service: str = "*"
    policy: FirewallPolicy = FirewallPolicy.ALLOW


@define
class FirewallChainConfig(ConfigItem):
    policy: FirewallPolicy
    rules: list[Any]


@define
class FirewallConfig(ConfigItem):
    default_policy: FirewallPolicy
    chains: list[Any]


@define
class NodeConfig(ConfigItem):
    id: Any
    interfaces: Any
    passive_services: list[Any] = Factory(list)
    active_services: list[Any] = Factory(list)
    traffic_processors: list[Any] = Factory(list)


@define
class RouterConfig(ConfigItem):
    id: str
    interfaces: list[Any]
    traffic_processors: list[Any] = Factory(list)
    routing_table: list[Any] = Factory(list)


@define
class ConnectionConfig(ConfigItem):
    source: str
    target: str


@define
class ExploitConfig(ConfigItem):
    id: str


@define
class NetworkConfig(ConfigItem):
    nodes: list[Any]
