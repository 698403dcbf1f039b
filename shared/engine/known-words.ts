/**
 * A warehouse's error message may quote a row's value. What is quoted or a number is kept only where the definition,
 * which its author wrote, says the same; the rest of the sentence stays readable.
 */
import { REASON_CHARACTERS_MAX } from '../core/limits.ts';

/** Takes the message and the text of the definition; gives the message with foreign quotations as `…`. */
export function keepKnownWords(message: string, known: string): string {
  const line = message
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 4 * REASON_CHARACTERS_MAX);
  const keep = (whole: string, inner: string): string => (known.includes(inner) ? whole : '…');
  return line
    .replace(/(?:context|detail|value|row|where|hint)\s*[:=].*$/i, '…')
    .replace(/'([^']*)'|"([^"]*)"/g, (whole, single?: string, double?: string) =>
      keep(whole, single ?? double ?? ''),
    )
    .replace(/\S*(?:\d|@)\S*/g, (word) => keep(word, word.replace(/[^\p{L}\p{N}_@.-]/gu, '')))
    .slice(0, REASON_CHARACTERS_MAX);
}
