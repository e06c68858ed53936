/// The style of a page, on the colours of its charts.
enum PageStyle {
  static let css = """
    * { box-sizing: border-box; }
    body { margin: 0; font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; background: var(--paper); \
    color: var(--ink); }
    header, main { max-width: 1200px; margin: 0 auto; padding: 0 20px; }
    header { padding-top: 28px; }
    h1 { font-size: 26px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 19px; margin: 36px 0 10px; padding-bottom: 6px; border-bottom: 1px solid var(--grid); }
    .subtitle, .note, figcaption, dt, #status { color: var(--muted); }
    .subtitle { margin: 4px 0 14px; overflow-wrap: anywhere; }
    .note { margin: 6px 0 12px; max-width: 80ch; overflow-wrap: anywhere; }
    a { color: var(--c0); }
    nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
    .skip { position: absolute; left: -9999px; }
    .skip:focus { left: 12px; top: 8px; background: var(--paper); padding: 4px 10px; }
    :focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
    dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px; margin: 12px 0 18px; }
    dl > div { border: 1px solid var(--grid); border-radius: 8px; padding: 9px 13px; min-width: 0; }
    dt { font-size: 13px; } dd { margin: 0; font-size: 17px; overflow-wrap: anywhere; }
    .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 540px), 1fr)); gap: 18px; }
    figure { margin: 0; border: 1px solid var(--grid); border-radius: 8px; padding: 12px 14px; min-width: 0; \
    break-inside: avoid; }
    figure.wide { grid-column: 1 / -1; }
    figcaption { font-size: 13px; margin-bottom: 4px; }
    .scroll { overflow: auto; }
    .chart { display: block; width: 100%; height: auto; min-width: 340px; }
    figure.wide .chart { width: auto; min-width: 740px; max-width: none !important; }
    .chart .over { fill: var(--paper); }
    .tools { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-bottom: 10px; }
    .tools p { margin: 0; }
    input, button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--muted); \
    border-radius: 6px; padding: 5px 10px; }
    input { width: min(100%, 340px); }
    .rows { max-height: 75vh; border: 1px solid var(--grid); border-radius: 8px; }
    table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
    th, td { padding: 4px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); \
    font-variant-numeric: tabular-nums; }
    th.t, td.t, tbody th { text-align: left; }
    tbody th { font-weight: 500; font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12.5px; \
    max-width: 46ch; overflow: hidden; text-overflow: ellipsis; }
    thead th { position: sticky; top: 0; background: var(--cold); padding: 0; z-index: 1; }
    thead button { border: 0; background: none; width: 100%; padding: 6px 10px; text-align: inherit; \
    font-weight: 600; cursor: pointer; white-space: nowrap; }
    thead button::after { content: " ↕"; color: var(--muted); }
    th[aria-sort=ascending] button::after { content: " ↑"; color: inherit; }
    th[aria-sort=descending] button::after { content: " ↓"; color: inherit; }
    tbody tr:hover { background: var(--cold); }
    td svg { width: 92px; height: 20px; display: block; fill: var(--c0); }
    #more { margin: 10px; }
    footer { color: var(--muted); }
    @media (max-width: 600px) { header, main { padding-left: 12px; padding-right: 12px; } h1 { font-size: 21px; } \
    tbody th { max-width: 24ch; direction: rtl; text-align: left; unicode-bidi: plaintext; } \
    dl { grid-template-columns: repeat(2, 1fr); } dd { font-size: 15px; } figure { padding: 10px; } }
    @media print { nav, .tools, #more, .skip { display: none; } .scroll, .rows { overflow: visible; max-height: none; } \
    thead th { position: static; } table { font-size: 9px; } th, td { padding: 1px 4px; } .chart { min-width: 0; } \
    figure.wide .chart { width: 100%; min-width: 0; } }
    """
}
