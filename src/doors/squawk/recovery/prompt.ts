import type { RestoreResult } from '../mission-shapes.ts';

/**
 * What a recovery brought back, as Markdown for the prompt of whoever goes on. What the store holds is text of agents:
 * line breaks in it are kept out of headings' way by indenting them.
 */
export function formatRecoveryPrompt(result: RestoreResult): string {
  const { recovery_context: told, restored, warnings, errors } = result;
  const sections = [
    section('Mission Summary', [told.mission_summary]),
    section('Last Action', [told.last_action]),
    section('Time Context', [
      `- Last activity: ${told.last_activity_at ?? 'unknown'}`,
      `- Elapsed time: ${durationText(told.elapsed_time_ms)}`,
    ]),
    section('Next Steps', items(told.next_steps)),
    section('Files Modified', items(told.files_modified)),
    section('Blockers', items(told.blockers)),
    section('Restoration Summary', [
      `- Sorties restored: ${restored.sorties}`,
      `- Locks re-acquired: ${restored.locks}`,
      `- Messages requeued: ${restored.messages}`,
    ]),
    section('Warnings', items(warnings)),
    section('Errors', items(errors)),
  ];
  return `# Mission Recovery Context\n\n${sections.filter((text) => text !== '').join('\n')}`;
}

function section(title: string, lines: readonly string[]): string {
  const text = lines.map((line) => line.replaceAll(/\r?\n/g, '\n  ')).join('\n');
  return text.trim() === '' ? '' : `## ${title}\n\n${text}\n`;
}

function items(texts: readonly string[]): string[] {
  return texts.map((text) => `- ${text}`);
}

function durationText(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
