"""Addresses that no request may go to, and some that it may."""

BAD_FORMS = [
    *("http://public.example/", "ftp://public.example/", "file:///etc/passwd", "gopher://public.example/"),
    *(
        "javascript:alert(1)",
        "//public.example/",
        "public.example",
        "https:public.example",
        "https:///x",
        "https://",
        "",
    ),
    *("https://public.example:80/", "https://public.example:8443/", "https://public.example:0/"),
    *("https://public.example:65536/", "https://public.example:-1/", "https://public.example:/"),
    *("https://public.example:4a3/", "https://public.example:443:443/"),
    *("https://user@public.example/", "https://user:word@public.example/", "https://@public.example/"),
    *("https://public.example/#part", "https://public.example/#", "https://public.example#@127.0.0.1/"),
    *("https://public.example\\@127.0.0.1/", "https:\\\\public.example/", "https://public.example/\\x"),
    *(" https://public.example/", "https://public.example/ ", "https://public.example /", "https://public.example/\t"),
    *(
        "https://pub\tlic.example/",
        "https://public.example/\r\nX: y",
        "https://public.example/\x00",
        "\x01https://a.b/",
    ),
    *("https://%31%32%37.0.0.1/", "https://public%2eexample/", "https://public.example%00.x/"),
    *("https://public.example./", "https://127.0.0.1./", "https://localhost./", "https://.public.example/"),
    *("https://public..example/", "https://-public.example/", "https://public-.example/", "https://pub!lic.example/"),
    *("https://*.public.example/", f"https://{'a' * 64}.example/", f"https://{'abcdefg.' * 32}example/"),
    *("https://localhost/", "https://intranet/", "https://LOCALHOST/"),
    *("https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/", "https://127.0.1/"),
    *("https://017700000001/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://0x7f.0x0.0x0.0x1/"),
    *("https://127.0.0.0x1/", "https://1.2.3.4.5/", "https://256.256.256.256/", "https://0/", "https://8.8.2056/"),
    *("https://\uff11\uff12\uff17.0.0.1/", "https://127\u30020\u30020\u30021/", "https://\uff18.8.8.8/"),
    *("https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "https://\uff4cocalhost/", "https://exa\u2100mple.example/"),
    *("https://a\u200b.b\ud800/", "https://\u00ad/", "https://xn--a\u0301.b!/"),
    *(
        "https://[::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[v1.public]/",
    ),
    *("https://[public.example]/", "https://[127.0.0.1]/", "https://::1/"),
]


BAD_ADDRESSES = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    *("0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1"),
    *("127.255.255.255", "169.254.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "100.100.100.200"),
    *("10.0.0.0", "127.0.0.0", "169.254.0.0", "169.254.255.255", "192.0.0.255", "192.0.2.255", "192.88.99.255"),
    *("192.168.255.255", "198.51.100.255", "203.0.113.255", "224.0.0.0", "255.255.255.254"),
    *("::ffff:0:127.0.0.1", "::ffff:100.64.0.1", "::ffff:255.255.255.255", "2001::ffff:ffff", "fdff::1", "feff::1"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1"),
    *("3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1"),
    *("2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1"),
    *("2002:c0a8:101::1", "2002:ffff::1", "ff:ffff::1", "100::ffff:ffff:ffff:ffff", "2001:db8:ffff::1", "3fff:fff::1"),
    *("5f00:ffff::1", "ffff::1"),
]


GOOD_ADDRESSES = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1"),
    *("172.15.255.255", "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("::ffff:8.8.8.8", "2001:200::1", "2003::1", "2606:4700:4700::1111", "2a03:2880:f003::1", "3ffe::1"),
    *("126.255.255.255", "169.253.255.255", "169.255.0.0", "191.255.255.255", "192.0.3.0", "192.88.98.255"),
    *("192.88.100.0", "192.167.255.255", "192.169.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255"),
    *("203.0.114.0", "2000:ffff::1", "2001:db7:ffff::1", "2001:db9::1", "2001:ffff::1"),
]


def in_url(address: str) -> str:
    return f"https://[{address}]/" if ":" in address else f"https://{address}/"
