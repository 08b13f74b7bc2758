"""Which addresses may be dialled, and that the one checked is the one dialled."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest

from pipeline.errors import ForbiddenAddressError
from pipeline.http import Client
from pipeline.http.guard import Guard, GuardedResolver, Resolver, open_socket

REFUSED = """
0.0.0.1 169.254.0.1 192.0.0.8 fe80::dead:beef ff01::1 fd00:ec2::254
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254 169.254.169.254
172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.254
198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 ::7f00:1 ::10.0.0.1 ::8.8.8.8
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::8.8.8.8 64:ff9b:1::1 100::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a00:1::1
2002:808:808::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 feff::1 ff02::1 ff0e::1
4000::1 8000::1 192.31.196.1 192.52.193.1 192.175.48.1 192.168.255.255 64:ff9b::a00:1 64:ff9b:1:ffff::7f00:1
100::ffff:ffff 2001:1ff::1 2620:4f:8000::1 3fff:fff::1 fdff::1 ffff::1 ::ffff:0:7f00:1 2001:470:1f0a::5efe:7f00:1
2001:470:1f0a::200:5efe:a00:1 fe80::5efe:c0a8:1 1fff::1 e000::1
""".split()

ALLOWED = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 192.167.1.1
192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.254 2001:4860:4860::8888 2606:4700::1111 2a00:1450:4001::1
169.253.255.255 169.255.0.1 172.15.0.1 126.255.255.255 128.0.0.1 192.0.3.1 198.51.99.1 198.51.101.1 203.0.112.1
203.0.114.1 2001:200::1 2001:db7::1 2001:db9::1 2003::1 2400:cb00::1 2620:4f:8001::1 2c0f:f248::1 3ffe::1
2001:470:1f0a::5eff:7f00:1
""".split()


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    assert Guard().refusal(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_allowed(address: str) -> None:
    assert not Guard().refusal(address)


def test_what_is_global_holds_for_public_is_refused_all_the_same() -> None:
    """Multicast, 6to4, NAT64, IPv4-compatible, site-local: `ipaddress.is_global` says yes to them."""
    trap = "224.0.1.1 ff0e::1 2002:7f00:1::1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe ::7f00:1 ::a9fe:a9fe fec0::1".split()
    assert [address for address in trap if not Guard().refusal(address)] == []
    assert any(ipaddress.ip_address(address).is_global for address in trap), "the library has learned: look again"


def test_networks_are_exempt_one_by_one() -> None:
    guard = Guard(["127.0.0.0/8", "fd00::/8"])
    assert not guard.refusal("127.9.9.9")
    assert not guard.refusal("fd12::1")
    assert guard.refusal("10.0.0.1")
    assert guard.refusal("::1")
    assert guard.refusal("::ffff:127.0.0.1")


class Answers(Resolver):
    """A resolver that says what it is told to: what a hostile name server does."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self.addresses = list(addresses)

    async def resolve(self, host: str, port: int) -> list[str]:
        return self.addresses


def test_a_name_that_leads_inside_is_refused() -> None:
    resolver = GuardedResolver(Guard(), Answers("10.0.0.5", "::1"))
    with pytest.raises(ForbiddenAddressError, match=r"evil\.example is at 10\.0\.0\.5 \(private\)"):
        asyncio.run(resolver.resolve("evil.example", 80))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"])
def test_no_socket_is_made_for_an_address_that_may_not_be_dialled(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(ForbiddenAddressError):
        open_socket(Guard(), (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 80)))


def test_only_the_addresses_that_passed_are_dialled() -> None:
    async def main() -> str:
        reached: asyncio.Queue[str] = asyncio.Queue()

        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.put_nowait(writer.get_extra_info("sockname")[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(accept, "127.0.0.2", 0) as allowed:
            port = allowed.sockets[0].getsockname()[1]
            async with await asyncio.start_server(accept, "127.0.0.1", port):
                async with Client(user_agent="Test/1", allow_networks=["127.0.0.2/32"]) as client:
                    client._resolver._resolver = Answers("127.0.0.1", "10.1.1.1", "127.0.0.2")
                    await client.get(f"http://mixed.example:{port}/", timeout=5)
                return await asyncio.wait_for(reached.get(), 5)

    assert asyncio.run(main()) == "127.0.0.2"


def test_threads_of_the_resolver_end() -> None:
    resolver = Resolver(threads=2)

    async def main() -> None:
        found = await asyncio.gather(*(resolver.resolve("127.0.0.1", 80) for _ in range(10)))
        assert found == [["127.0.0.1"]] * 10

    asyncio.run(main())
    resolver.close()
