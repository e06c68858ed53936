/// The script of a page: makes the rows of the table in pieces as they are needed, sorts and searches them.
enum PageScript {
  static let text = """
    'use strict';
    (() => {
      const data = JSON.parse(document.getElementById('data').textContent);
      const { columns, rows } = data;
      const piece = 200;
      const body = document.querySelector('#rows tbody');
      const table = document.getElementById('rows');
      const more = document.getElementById('more');
      const status = document.getElementById('status');
      const search = document.getElementById('search');
      const grouped = new Intl.NumberFormat('en-US');
      const texts = columns.map((c, i) => (c.kind === 'name' || c.kind === 'text' ? i : -1)).filter(i => i >= 0);
      let keys = null;
      let order = rows.map((_, i) => i);
      let shown = 0;
      let sorted = -1;
      let direction = 'none';

      const size = n => {
        const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
        let unit = 0;
        while (n >= 1024 && unit < 4) { n /= 1024; unit += 1; }
        return (unit === 0 ? n : n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0)) + ' ' + units[unit];
      };
      const short = x => {
        if (x === 0) return '0';
        const a = Math.abs(x);
        return a >= 1e-4 && a < 1e6 ? String(Number(x.toPrecision(4))) : x.toExponential(2);
      };
      const format = (value, kind) => {
        if (value === null || value === undefined) return '–';
        if (typeof value === 'string') return value;
        switch (kind) {
          case 'count': return grouped.format(value);
          case 'bytes': return size(value);
          case 'share': return value !== 0 && Math.abs(value) < 1e-4
            ? (100 * value).toExponential(1) + ' %' : (100 * value).toFixed(2) + ' %';
          default: return short(value);
        }
      };
      const space = 'http://www.w3.org/2000/svg';
      const histogram = text => {
        const [lowest, bars] = text.split(':');
        const svg = document.createElementNS(space, 'svg');
        const width = 92 / Math.max(bars.length, 12);
        svg.setAttribute('viewBox', '0 0 92 20');
        svg.setAttribute('role', 'img');
        svg.setAttribute('aria-label', `magnitudes from 2^${lowest} to 2^${Number(lowest) + bars.length}`);
        [...bars].forEach((bar, i) => {
          const height = 20 * parseInt(bar, 36) / 35;
          const rect = document.createElementNS(space, 'rect');
          rect.setAttribute('x', (i * width).toFixed(1));
          rect.setAttribute('y', (20 - height).toFixed(1));
          rect.setAttribute('width', Math.max(1, width - 1).toFixed(1));
          rect.setAttribute('height', height.toFixed(1));
          svg.append(rect);
        });
        return svg;
      };

      const line = (index, position) => {
        const row = document.createElement('tr');
        row.setAttribute('aria-rowindex', position + 2);
        columns.forEach((column, i) => {
          const value = rows[index][i];
          const cell = document.createElement(column.kind === 'name' ? 'th' : 'td');
          if (column.kind === 'name') { cell.scope = 'row'; cell.title = value; }
          if (column.kind === 'text') cell.className = 't';
          if (column.kind === 'histogram' && value) cell.append(histogram(value));
          else cell.textContent = format(value, column.kind);
          row.append(cell);
        });
        return row;
      };
      const add = count => {
        const part = document.createDocumentFragment();
        const end = Math.min(order.length, shown + count);
        for (let i = shown; i < end; i += 1) part.append(line(order[i], i));
        shown = end;
        body.append(part);
        more.hidden = shown >= order.length;
      };
      const restart = () => {
        body.replaceChildren();
        shown = 0;
        table.setAttribute('aria-rowcount', order.length + 1);
        add(piece);
        status.textContent = order.length === rows.length
          ? `${grouped.format(rows.length)} rows`
          : `${grouped.format(order.length)} of ${grouped.format(rows.length)} rows`;
      };
      const update = () => {
        const words = search.value.toLowerCase().split(/\\s+/).filter(w => w);
        keys = keys ?? rows.map(row => texts.map(i => row[i] ?? '').join(' ').toLowerCase());
        order = [];
        rows.forEach((_, i) => { if (words.every(w => keys[i].includes(w))) order.push(i); });
        if (direction !== 'none') {
          const sign = direction === 'ascending' ? 1 : -1;
          const value = i => rows[i][sorted];
          order.sort((a, b) => {
            const [x, y] = [value(a), value(b)];
            if (x === y) return a - b;
            if (x === null || x === undefined) return 1;
            if (y === null || y === undefined) return -1;
            const [n, m] = [Number(x), Number(y)];
            if (!Number.isNaN(n) && !Number.isNaN(m) && n !== m) return sign * (n < m ? -1 : 1);
            return sign * (String(x) < String(y) ? -1 : 1) || a - b;
          });
        }
        restart();
      };

      const head = document.createElement('tr');
      head.setAttribute('aria-rowindex', 1);
      columns.forEach((column, i) => {
        const cell = document.createElement('th');
        cell.scope = 'col';
        if (column.kind === 'text' || column.kind === 'name') cell.className = 't';
        if (column.help) cell.title = column.help;
        if (column.kind === 'histogram') {
          cell.textContent = column.title;
          cell.style.padding = '6px 10px';
          cell.className = 't';
        } else {
          cell.setAttribute('aria-sort', 'none');
          const button = document.createElement('button');
          button.type = 'button';
          button.textContent = column.title;
          button.addEventListener('click', () => {
            const isText = column.kind === 'text' || column.kind === 'name';
            const first = isText ? 'ascending' : 'descending';
            const second = isText ? 'descending' : 'ascending';
            direction = sorted !== i ? first : direction === first ? second : direction === second ? 'none' : first;
            sorted = i;
            for (const other of head.children) {
              if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', other === cell ? direction : 'none');
            }
            update();
          });
          cell.append(button);
        }
        head.append(cell);
      });
      document.querySelector('#rows thead').append(head);
      table.setAttribute('aria-colcount', columns.length);

      let timer = 0;
      search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(update, 80); });
      more.addEventListener('click', () => add(piece));
      if ('IntersectionObserver' in window) {
        new IntersectionObserver(entries => {
          if (entries.some(e => e.isIntersecting) && !more.hidden) add(piece);
        }, { root: document.querySelector('.rows') }).observe(more);
      }
      addEventListener('beforeprint', () => { if (shown < 1000) add(1000 - shown); });
      restart();
    })();
    """
}
