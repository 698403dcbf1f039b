/**
 * Which addresses are public. Everything that is not plainly a unicast address of the internet is refused:
 * a range that nobody thought of must fail closed.
 */
import ipaddr from 'ipaddr.js';

/** All of IPv6 that is routed on the internet lies in it (RFC 4291, IANA's global unicast registry). */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/**
 * True for a public unicast address, as text without brackets or zone. False for private, loopback, link-local,
 * carrier-grade NAT, unique-local, v4-mapped, NAT64, 6to4, Teredo, 0.0.0.0/8, multicast, reserved and
 * documentation addresses, and for any text that is not an address.
 */
export function isPublicAddress(address: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return ipaddr.IPv4.parse(address).range() === 'unicast';
  if (!ipaddr.IPv6.isValid(address)) return false;
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.match(GLOBAL_UNICAST) && parsed.range() === 'unicast';
}
