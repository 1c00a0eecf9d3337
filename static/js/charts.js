// Draws every `<div data-chart="id">` from the JSON of the script with that id, with a table, a CSV and a PNG of the
// same data. The data (made in Python, see templates/components/chart.html):
//   type       line | bar | stacked | heatmap | interval
//   title      the finding, in words
//   x, x_name  categories or numbers, and what they are (with the unit)
//   y, y_name  for heatmaps the rows; otherwise what the values are
//   series     [{name, data, color?, colors?, area?, dashed?, type?, n?}]; colours are names of tokens in crm.css:
//              stage-active, arm-holdout, series-2; n is the number of people behind each value
//   marks      [{x, label}] vertical lines
//   heat       [[x index, y index, value, address?]]
//   intervals  [{name, low, mid, high, color?, n?}]
//   links      an address for each x: a click goes there
//   percent    values are shares of 1;  currency  values are amounts of it
(() => {
  "use strict";
  const charts = new Map();
  const chinese = () => document.documentElement.lang.startsWith("zh");
  const locale = () => (chinese() ? "zh-CN" : "en");
  const words = () => (chinese() ? { low: "下限", mid: "估计", high: "上限" } : { low: "low", mid: "estimate", high: "high" });

  // ---- colours come from crm.css, so that charts follow the theme ----
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const token = (name) => {
    probe.style.color = "";
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const faded = (color, alpha) => color.replace(/^rgba?\(([^)]+)\)$/, (_, inner) => `rgba(${inner.split(",").slice(0, 3).join(",")}, ${alpha})`);
  const series = (index) => token(`series-${(index % 6) + 1}`);

  // ---- figures ----
  const known = (value) => value !== null && value !== undefined && value !== "";
  const full = (data) => (value) => {
    if (!known(value)) return "—";
    if (data.percent) return new Intl.NumberFormat(locale(), { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 2 }).format(value);
    if (data.currency) return new Intl.NumberFormat(locale(), { style: "currency", currency: data.currency, maximumFractionDigits: 2 }).format(value);
    return new Intl.NumberFormat(locale(), { maximumFractionDigits: 2 }).format(value);
  };
  const short = (data) => (value) => {
    if (data.percent) return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(value);
    const style = data.currency ? { style: "currency", currency: data.currency } : {};
    return new Intl.NumberFormat(locale(), { ...style, notation: "compact", maximumFractionDigits: 1 }).format(value);
  };

  const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

  // ---- options ----
  const frame = (data) => {
    const text = token("crm-text-2");
    const line = token("crm-line");
    return {
      text,
      line,
      base: {
        animationDuration: 250,
        animation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
        grid: { left: 8, right: 28, top: 14 + ((data.series ?? []).length > 1 ? 24 : 0) + (data.y_name ? 20 : 0) + (data.marks?.length ? 14 : 0), bottom: data.x_name ? 26 : 6, containLabel: true },
        legend: (data.series ?? []).length > 1
          ? { type: "scroll", top: 0, left: 0, itemWidth: 14, itemHeight: 8, icon: "roundRect", textStyle: { color: text } }
          : undefined,
        // What the values are, flush left above the axis.
        title: data.y_name && data.type !== "heatmap"
          ? { text: data.y_name, left: 4, top: (data.series ?? []).length > 1 ? 24 : 0, textStyle: { fontSize: 12, fontWeight: "normal", color: text } }
          : undefined,
        tooltip: {
          trigger: "axis",
          confine: true,
          backgroundColor: token("crm-surface"),
          borderColor: token("crm-line-strong"),
          padding: [8, 12],
          textStyle: { color: token("crm-text"), fontSize: 13 },
          axisPointer: { type: data.type === "line" ? "line" : "shadow", lineStyle: { color: token("crm-line-strong") }, shadowStyle: { color: faded(token("crm-text-3"), 0.08) } },
        },
      },
    };
  };

  const xAxis = (data, look, type) => ({
    type,
    data: type === "category" ? data.x.map(String) : undefined,
    name: data.x_name,
    nameLocation: "middle",
    nameGap: 26,
    nameTextStyle: { color: look.text },
    min: type === "value" ? data.x[0] : undefined,
    max: type === "value" ? data.x[data.x.length - 1] : undefined,
    axisLine: { lineStyle: { color: look.line } },
    axisTick: { show: false },
    axisLabel: type === "category" && data.x.length <= 7 ? { color: look.text, interval: 0 } : { color: look.text, hideOverlap: true },
    splitLine: { show: false },
    boundaryGap: data.type !== "line",
  });

  const yAxis = (data, look) => ({
    type: "value",
    axisLine: { show: false },
    axisTick: { show: false },
    max: data.percent && data.type === "stacked" ? 1 : undefined,
    axisLabel: { color: look.text, formatter: short(data) },
    splitLine: { lineStyle: { color: look.line } },
    splitNumber: 4,
  });

  const tooltipRows = (data, items) => {
    const rows = items.filter((item) => known(Array.isArray(item.value) ? item.value[1] : item.value));
    const value = (item) => (Array.isArray(item.value) ? item.value[1] : item.value);
    const sum = rows.reduce((all, item) => all + Number(value(item)), 0);
    const line = (item) => {
      const n = data.series[item.seriesIndex]?.n?.[item.dataIndex];
      const share = data.type === "stacked" && !data.percent && rows.length > 1 && sum
        ? ` · ${new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(value(item) / sum)}` : "";
      return `<div>${item.marker}${item.seriesName ? `${escapeHtml(item.seriesName)} ` : ""}<b>${full(data)(value(item))}</b>${share}${known(n) ? ` · n = ${new Intl.NumberFormat(locale()).format(n)}` : ""}</div>`;
    };
    const at = items[0]?.axisValueLabel ?? items[0]?.name ?? "";
    const unit = typeof data.x[0] === "number" && data.x_name ? ` ${escapeHtml(data.x_name)}` : "";
    return `<div style="margin-bottom:4px">${escapeHtml(at)}${unit}</div>${rows.map(line).join("")}`;
  };

  const markLines = (data, look, type) => data.marks?.length && {
    silent: true,
    symbol: "none",
    lineStyle: { color: look.text, type: "dashed", width: 1 },
    label: { color: look.text, formatter: ({ data: mark }) => mark.label_text, position: "end", fontSize: 11 },
    data: data.marks.map((mark) => ({ xAxis: type === "category" ? String(mark.x) : mark.x, label_text: mark.label })),
  };

  const axisChart = (data) => {
    const look = frame(data);
    const type = data.type === "line" && data.x.every((x) => typeof x === "number") ? "value" : "category";
    const stacked = data.type === "stacked";
    const kind = data.type === "line" ? "line" : "bar";
    return {
      ...look.base,
      tooltip: { ...look.base.tooltip, formatter: (items) => tooltipRows(data, items) },
      xAxis: xAxis(data, look, type),
      yAxis: yAxis(data, look),
      series: data.series.map((one, index) => {
        const color = one.color ? token(one.color) : series(index);
        return {
          name: one.name,
          type: one.type ?? kind,
          stack: stacked ? "all" : undefined,
          data: one.data.map((value, at) => ({
            value: type === "value" ? [data.x[at], value] : value,
            itemStyle: one.colors?.[at] ? { color: token(one.colors[at]) } : undefined,
          })),
          itemStyle: { color, borderRadius: stacked ? 0 : [2, 2, 0, 0] },
          lineStyle: { color, width: 2, type: one.dashed ? "dashed" : "solid" },
          areaStyle: one.area ? { color: faded(color, 0.14) } : undefined,
          symbol: data.x.length > 24 ? "none" : "circle",
          symbolSize: 5,
          barMaxWidth: 44,
          cursor: data.links ? "pointer" : "default",
          connectNulls: false,
          markLine: index === 0 ? markLines(data, look, type) || undefined : undefined,
        };
      }),
    };
  };

  const heatmap = (data) => {
    const look = frame(data);
    const values = data.heat.map((cell) => cell[2]).filter(known);
    const low = Math.min(0, ...values);
    const high = Math.max(...values, data.percent ? 0.01 : 1);
    const onDark = (value) => known(value) && (value - low) / (high - low) > 0.5;
    return {
      ...look.base,
      grid: { ...look.base.grid, top: 8 },
      tooltip: {
        ...look.base.tooltip,
        trigger: "item",
        formatter: ({ value }) => `${escapeHtml(data.y[value[1]])} · ${escapeHtml(data.x[value[0]])}<br><b>${full(data)(value[2])}</b>${data.y_name ? ` ${escapeHtml(data.y_name)}` : ""}`,
      },
      xAxis: { ...xAxis(data, look, "category"), boundaryGap: true },
      yAxis: { type: "category", data: data.y.map(String), inverse: true, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: look.text } },
      visualMap: { show: false, min: low, max: high, inRange: { color: [token("heat-low"), token("heat-high")] } },
      series: [{
        type: "heatmap",
        data: data.heat.map((cell) => ({
          value: cell.slice(0, 3),
          link: cell[3],
          label: { color: token(onDark(cell[2]) ? "crm-on-accent" : "crm-text") },
        })),
        label: { show: data.x.length <= 12, formatter: ({ value }) => (known(value[2]) ? short(data)(value[2]) : "") },
        itemStyle: { borderColor: token("crm-surface"), borderWidth: 2, borderRadius: 3 },
        cursor: data.heat.some((cell) => cell[3]) ? "pointer" : "default",
      }],
    };
  };

  // Three lines fit into a row; the tooltip and the table have the whole name.
  const ROW_LINES = 3, LETTER = 7;
  const shortened = (width) => (name) => {
    const most = Math.floor((width / LETTER) * (ROW_LINES - 0.5));
    return name.length > most ? `${name.slice(0, most - 1)}…` : name;
  };

  const interval = (data, box) => {
    const look = frame(data);
    const width = Math.max(110, Math.min(260, Math.round(box.clientWidth * 0.3)));
    const color = (one, index) => (one.color ? token(one.color) : series(index));
    const names = data.intervals.map((one) => one.name);
    return {
      ...look.base,
      grid: { left: 8, right: 24, top: 8, bottom: data.x_name ? 28 : 8, containLabel: true },
      tooltip: {
        ...look.base.tooltip,
        trigger: "item",
        formatter: ({ dataIndex }) => {
          const one = data.intervals[dataIndex];
          return `${escapeHtml(one.name)}<br><b>${full(data)(one.mid)}</b> [${full(data)(one.low)} … ${full(data)(one.high)}]${known(one.n) ? `<br>n = ${new Intl.NumberFormat(locale()).format(one.n)}` : ""}`;
        },
      },
      xAxis: { type: "value", scale: !data.from_zero, name: data.x_name, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: look.text }, axisLabel: { color: look.text, formatter: short(data) }, splitLine: { lineStyle: { color: look.line } } },
      yAxis: { type: "category", data: names, inverse: true, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: look.text, width, overflow: "break", formatter: shortened(width) } },
      series: [{
        type: "custom",
        encode: { x: [1, 2, 3], y: 0 },
        data: data.intervals.map((one, index) => [index, one.low, one.mid, one.high]),
        renderItem: (params, api) => {
          const at = (column) => api.coord([api.value(column), api.value(0)]);
          const [low, mid, high] = [at(1), at(2), at(3)];
          const paint = color(data.intervals[params.dataIndex], params.dataIndex);
          const stroke = { stroke: paint, lineWidth: 2, fill: "none" };
          const bar = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: stroke });
          return { type: "group", children: [
            bar(low[0], low[1], high[0], high[1]),
            bar(low[0], low[1] - 6, low[0], low[1] + 6),
            bar(high[0], high[1] - 6, high[0], high[1] + 6),
            { type: "circle", shape: { cx: mid[0], cy: mid[1], r: 6 }, style: { fill: paint } },
          ] };
        },
        markLine: known(data.zero) ? { silent: true, symbol: "none", lineStyle: { color: look.text, type: "dashed" }, label: { show: false }, data: [{ xAxis: data.zero }] } : undefined,
      }],
    };
  };

  const option = (data, box) => ({ heatmap, interval })[data.type]?.(data, box) ?? axisChart(data);

  // ---- the same data as rows ----
  const rowsOf = (data) => {
    if (data.type === "heatmap") {
      const rows = data.y.map((name) => [name, ...data.x.map(() => null)]);
      data.heat.forEach(([x, y, value]) => (rows[y][x + 1] = value));
      return [[data.y_name ?? "", ...data.x], ...rows];
    }
    if (data.type === "interval") {
      const { low, mid, high } = words();
      return [["", low, mid, high, "n"], ...data.intervals.map((one) => [one.name, one.low, one.mid, one.high, one.n ?? null])];
    }
    const counted = data.series.map((one) => (one.n ? 1 : 0));
    const head = [data.x_name ?? "", ...data.series.flatMap((one, i) => [one.name || data.y_name || "", ...(counted[i] ? ["n"] : [])])];
    return [head, ...data.x.map((x, at) => [x, ...data.series.flatMap((one, i) => [one.data[at], ...(counted[i] ? [one.n[at]] : [])])])];
  };

  const tableOf = (data) => {
    const [head, ...rows] = rowsOf(data);
    const plain = new Intl.NumberFormat(locale());
    const show = (value, column) => {
      if (column === 0) return String(value);
      if (!known(value)) return "—";
      return head[column] === "n" ? plain.format(value) : full(data)(value);
    };
    const cell = (tag, text, column) => Object.assign(document.createElement(tag), { textContent: text, className: column ? "num" : "" });
    const table = Object.assign(document.createElement("table"), { className: "table" });
    table.createTHead().insertRow().append(...head.map((text, column) => cell("th", text, column)));
    const body = table.createTBody();
    rows.forEach((row) => body.insertRow().append(...row.map((value, column) => cell("td", show(value, column), column))));
    return table;
  };

  const csvCell = (value) => {
    if (!known(value)) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r＝＋－＠]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };

  const save = (name, href) => Object.assign(document.createElement("a"), { download: name, href }).click();

  const tools = {
    table(card, data, button) {
      const table = card.querySelector("[data-chart-table]");
      const box = card.querySelector("[data-chart]");
      if (!table.firstChild) table.append(tableOf(data));
      table.hidden = !table.hidden;
      box.hidden = !table.hidden;
      button.setAttribute("aria-pressed", String(!table.hidden));
      if (!box.hidden) charts.get(box)?.resize();
    },
    csv(card, data) {
      const text = "\ufeff" + rowsOf(data).map((row) => row.map(csvCell).join(",")).join("\r\n");
      const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      save(`${data.title}.csv`, href);
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    },
    png(card, data) {
      const box = card.querySelector("[data-chart]");
      const size = { width: Math.max(box.clientWidth, 640), height: Math.max(box.clientHeight, 280) };
      const copy = window.echarts.init(document.createElement("div"), null, { renderer: "canvas", ...size });
      copy.setOption({ ...option(data, box), animation: false });
      save(`${data.title}.png`, copy.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: token("crm-surface") }));
      copy.dispose();
    },
  };

  // ---- life of a chart ----
  const dataOf = (box) => {
    const script = document.getElementById(box.dataset.chart);
    return script ? JSON.parse(script.textContent) : null;
  };

  const draw = (box) => {
    const data = dataOf(box);
    if (!data || !window.echarts) return;
    if (data.type === "interval") box.style.height = `${56 + 44 * data.intervals.length}px`;
    let chart = charts.get(box);
    if (!chart) {
      chart = window.echarts.init(box, null, { renderer: "svg" });
      charts.set(box, chart);
      chart.on("click", (event) => {
        const link = event.data?.link ?? data.links?.[event.dataIndex];
        if (link) location.assign(link);
      });
      resizes.observe(box);
    }
    chart.setOption(option(data, box), true);
  };

  const resizes = new ResizeObserver((entries) => entries.forEach(({ target }) => target.clientWidth && charts.get(target)?.resize()));

  const drawAll = (root) => {
    for (const [box, chart] of charts) {
      if (!box.isConnected) {
        resizes.unobserve(box);
        chart.dispose();
        charts.delete(box);
      }
    }
    if (root.matches?.("[data-chart]")) draw(root);
    root.querySelectorAll("[data-chart]").forEach((box) => charts.has(box) || draw(box));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-tool]");
    const card = button?.closest("[data-chart-card]");
    const data = card && dataOf(card.querySelector("[data-chart]"));
    if (data) tools[button.dataset.chartTool](card, data, button);
  });
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
  document.addEventListener("crm:theme", () => charts.forEach((chart, box) => draw(box)));
  drawAll(document);
})();
