/**
 * URLs that a destination's settings may be given: those that are reached, and those that are refused with their code.
 * Names and the account's list are those of `test/destinations/network-guard.test.ts`, which asks the guard for each.
 */

export const URLS_REACHED: readonly string[] = [
  'https://example.com/path?query=1',
  'https://example.com:443/',
  'https://EXAMPLE.com/',
  'https://example.com./',
  'https://93.184.216.34/',
  'https://1572395042/', // 93.184.216.34, decimal
  'https://bücher.test/',
  'https://six.test/',
  'https://[2606:2800:220:1::1]/',
  'http://127.0.0.1:8080/',
  'http://2130706433:8080/', // the listed address, decimal
  'https://127.0.0.1:8080/',
  'http://plain.test:9000/',
  'https://listed.test/',
  'http://[::1]:7000/',
  'http://[0:0:0:0:0:0:0:1]:7000/',
];

export const URLS_REFUSED: readonly (readonly [url: string, code: string])[] = [
  // Scheme and port
  ['http://example.com/', 'address_refused'],
  ['http://example.com:443/', 'address_refused'],
  ['https://example.com:8443/', 'address_refused'],
  ['https://example.com:22/', 'address_refused'],
  ['https://example.com:0/', 'address_refused'],
  ['ftp://example.com/', 'address_refused'],
  ['file:///etc/passwd', 'address_refused'],
  ['gopher://example.com/', 'address_refused'],
  ['data:text/plain,hello', 'address_refused'],
  ['javascript:alert(1)', 'address_refused'],
  ['ws://example.com/', 'address_refused'],
  // User info
  ['https://user@example.com/', 'address_refused'],
  ['https://user:password@example.com/', 'address_refused'],
  ['https://:password@example.com/', 'address_refused'],
  ['https://example.com@127.0.0.1/', 'address_refused'],
  ['https://127.0.0.1:8080@10.0.0.1/', 'address_refused'],
  ['http://user@127.0.0.1:8080/', 'address_refused'],
  // Loopback and its spellings
  ['https://127.0.0.1/', 'address_refused'],
  ['https://127.1/', 'address_refused'],
  ['https://127.0.0.1./', 'address_refused'],
  ['https://2130706433/', 'address_refused'],
  ['https://0x7f000001/', 'address_refused'],
  ['https://0x7f.0.0.1/', 'address_refused'],
  ['https://0177.0.0.1/', 'address_refused'],
  ['https://017700000001/', 'address_refused'],
  ['https://127.255.255.254/', 'address_refused'],
  ['https://localhost/', 'address_refused'],
  ['https://localhost./', 'address_refused'],
  ['https://LOCALHOST/', 'address_refused'],
  ['https://１２７.０.０.１/', 'address_refused'], // full-width digits
  ['https://127。0。0。1/', 'address_refused'], // ideographic full stops
  ['https://[::1]/', 'address_refused'],
  ['https://[::]/', 'address_refused'],
  ['https://0.0.0.0/', 'address_refused'],
  ['https://0/', 'address_refused'],
  ['https://0.1.2.3/', 'address_refused'],
  // Private, shared and link-local
  ['https://10.0.0.1/', 'address_refused'],
  ['https://172.16.0.1/', 'address_refused'],
  ['https://172.31.255.255/', 'address_refused'],
  ['https://192.168.0.1/', 'address_refused'],
  ['https://0300.0250.0.1/', 'address_refused'], // 192.168.0.1, octal
  ['https://100.64.0.1/', 'address_refused'],
  ['https://100.100.100.200/', 'address_refused'],
  ['https://169.254.169.254/latest/meta-data/', 'address_refused'],
  ['https://2852039166/', 'address_refused'], // 169.254.169.254, decimal
  ['https://0xa9fea9fe/', 'address_refused'],
  ['https://0xA9.0xFE.0xA9.0xFE/', 'address_refused'],
  ['https://0251.0376.0251.0376/', 'address_refused'],
  ['https://169.254.43518/', 'address_refused'], // three parts
  ['https://169.254.79.129/', 'address_refused'],
  ['https://[fe80::1]/', 'address_refused'],
  ['https://[fd00:ec2::254]/', 'address_refused'],
  ['https://[fc00::1]/', 'address_refused'],
  ['https://[fec0::1]/', 'address_refused'],
  // Version 4 inside version 6
  ['https://[::ffff:127.0.0.1]/', 'address_refused'],
  ['https://[::ffff:7f00:1]/', 'address_refused'],
  ['https://[::ffff:93.184.216.34]/', 'address_refused'],
  ['https://[::127.0.0.1]/', 'address_refused'],
  ['https://[64:ff9b::169.254.169.254]/', 'address_refused'],
  ['https://[64:ff9b:1::a9fe:a9fe]/', 'address_refused'],
  ['https://[2002:7f00:1::]/', 'address_refused'],
  ['https://[2001:0:7f00:1::]/', 'address_refused'],
  // Multicast, broadcast, reserved, documentation, tests
  ['https://224.0.0.1/', 'address_refused'],
  ['https://255.255.255.255/', 'address_refused'],
  ['https://240.0.0.1/', 'address_refused'],
  ['https://192.0.0.1/', 'address_refused'],
  ['https://192.0.2.1/', 'address_refused'],
  ['https://198.18.0.1/', 'address_refused'],
  ['https://198.51.100.1/', 'address_refused'],
  ['https://203.0.113.1/', 'address_refused'],
  ['https://[ff02::1]/', 'address_refused'],
  ['https://[2001:db8::1]/', 'address_refused'],
  ['https://[100::1]/', 'address_refused'],
  ['https://[4000::1]/', 'address_refused'],
  // Names with an address that is not public
  ['https://private.test/', 'address_refused'],
  ['https://mixed.test/', 'address_refused'],
  ['https://mixed6.test/', 'address_refused'],
  ['https://metadata.test/', 'address_refused'],
  ['https://mapped.test/', 'address_refused'],
  ['https://münchen.test/', 'address_refused'],
  // Near the list, and not on it
  ['http://127.0.0.1:8081/', 'address_refused'],
  ['http://127.0.0.2:8080/', 'address_refused'],
  ['http://listed.test/', 'address_refused'],
  ['http://plain.test:9001/', 'address_refused'],
  ['http://sub.plain.test:9000/', 'address_refused'],
  ['http://[::1]:7001/', 'address_refused'],
  // No URL at all
  ['', 'url_invalid'],
  ['example.com', 'url_invalid'],
  ['//example.com/', 'url_invalid'],
  ['https://', 'url_invalid'],
  ['https://exa mple.com/', 'url_invalid'],
  ['https://[fe80::1%25eth0]/', 'url_invalid'],
  ['https://256.256.256.256/', 'url_invalid'],
  ['https://[::1/', 'url_invalid'],
];
