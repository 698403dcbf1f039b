/**
 * The only ways by which anything outside this folder gets into SQL text: a quoted identifier, a literal, an object's
 * address. Values of rows and watermarks are bound, never written; failure records are written as literals
 * that cannot end early, whatever they hold.
 */
import { Fault } from '../core/fault.ts';

/** An identifier in double quotes; Redshift folds its case unless told otherwise. */
export function quoted(name: string): string {
  if (name.includes('\u0000')) throw new Fault('config', 'bad_identifier', 'an identifier contains a NUL');
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A text literal. Plain when every character is harmless in every dialect; otherwise the UTF-8 bytes in
 * hexadecimal, because a backslash escapes a quote in some settings of Redshift and not in others, and a colon
 * could be taken for a named parameter.
 */
export function textLiteral(value: string): string {
  if (/^[\w .,;@+=/#-]*$/.test(value) && !value.includes('--') && !value.includes('/*')) return `'${value}'`;
  return `from_varbyte(to_varbyte('${Buffer.from(value, 'utf8').toString('hex')}', 'hex'), 'utf8')`;
}

/** An ARN, a key id or an `s3://` address from settings: refused rather than escaped when it is odd. */
export function addressLiteral(value: string): string {
  if (!/^[\w./:=+@-]+$/.test(value) || value.includes('--')) {
    throw new Fault(
      'config',
      'bad_warehouse_setting',
      'a role, key or address has a character out of place',
      {
        remedy: 'Use letters, digits and . / : = + @ _ - only.',
      },
    );
  }
  return `'${value}'`;
}

/** A list of SQL items, one a line. */
export const lines = (items: readonly string[], indent = '  '): string => items.join(`,\n${indent}`);
