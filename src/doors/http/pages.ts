import { fieldsOf, snakeCase } from '../naming.ts';
import type { Route } from './request.ts';

const style = `<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  code, pre { font: 0.9em ui-monospace, monospace; }
  pre { padding: 0.8rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); overflow-x: auto; }
  h3 { margin-bottom: 0.2rem; } h3 code { font-weight: 600; }
  dt { font-family: ui-monospace, monospace; float: left; min-width: 12rem; clear: left; }
  .quiet { opacity: 0.7; }
</style>`;

export function homePage(version: string, open: boolean): string {
  return page(
    'Rookery',
    `<h1>Rookery <span class="quiet">${version}</span></h1>
    <p>State layer for a fleet of agents: shared memory, mail, locks, and the proof of what was done.</p>
    ${open ? '<p><strong>Open mode:</strong> this server accepts requests without a token.</p>' : ''}
    <ul>
      <li><a href="/docs">All operations</a>, as <a href="/openapi.json">OpenAPI 3.1</a></li>
      <li><a href="/health">Health</a> and <a href="/metrics">metrics</a></li>
    </ul>
    <pre>curl -H "Authorization: Bearer $ROOKERY_TOKEN" -H "Content-Type: application/json" \\
  -X PUT -d '{"value": {"step": 1}}' http://127.0.0.1:7665/api/v1/memory/default/plan</pre>`,
  );
}

/** The operations as a page of plain HTML: nothing is loaded from anywhere. */
export function docsPage(routes: readonly Route[], version: string): string {
  const nouns = Map.groupBy(routes, (route) => route.operation.name.split('.')[0]!);
  const sections = [...nouns].map(
    ([noun, members]) => `<h2>${escapeHtml(noun)}</h2>${members.map(operationSection).join('')}`,
  );
  return page(`Rookery ${version}: operations`, `<h1>Operations</h1>${sections.join('')}`);
}

function operationSection(route: Route): string {
  const { operation, method, path } = route;
  const fields = Object.entries(fieldsOf(operation.input)).map(
    ([field, schema]) => `<dt>${snakeCase(field)}</dt><dd>${escapeHtml(schema.description ?? '')}&nbsp;</dd>`,
  );
  return `<h3 id="${operation.name}"><code>${method} ${escapeHtml(path)}</code></h3>
    <p>${escapeHtml(operation.summary)}. ${escapeHtml(operation.description ?? '')}
      <span class="quiet">${operation.name}, right: ${operation.access}</span></p>
    <dl>${fields.join('')}</dl>`;
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>${style}</head><body>${body}</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
