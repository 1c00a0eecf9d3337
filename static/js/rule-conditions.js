// Conditions over rows in the editor of segment rules: orders, touchpoints, messages, and labels of a day. What each one
// offers comes from the server (segmentation.conditions); rule-builder.js asks here how to draw, fill and read them.
window.ruleConditions = (() => {
  "use strict";

  //: More choices than this stand in a list instead of side by side.
  const MANY = 15;

  const isFilled = (value) =>
    Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined && value !== "";

  const fresh = (sketch) =>
    sketch.shape === "label"
      ? { kind: sketch.kinds[0].code, value: [], on: "" }
      : { filter: {}, count: { op: "gte", value: 1 }, within_days: null };

  const isComplete = (asked, sketch) => {
    if (sketch.shape === "label") return asked.value.length > 0 && isFilled(asked.on);
    const { op, value } = asked.count;
    return op === "between" ? value.every(isFilled) && value[0] <= value[1] : isFilled(value);
  };

  // What the server is told: without filters that say nothing.
  const clean = (asked, sketch) => {
    if (sketch.shape === "label") return { kind: asked.kind, value: asked.value, on: asked.on };
    const filter = Object.fromEntries(Object.entries(asked.filter).filter(([, value]) => isFilled(value)));
    return {
      ...(Object.keys(filter).length ? { filter } : {}),
      count: asked.count,
      ...(isFilled(asked.within_days) ? { within_days: asked.within_days } : {}),
    };
  };

  const read = (asked, sketch) =>
    sketch.shape === "label" ? { ...asked } : { ...fresh(sketch), ...asked, filter: { ...asked.filter } };

  // `tools`: element and options of the builder, its texts, `changed` and `redraw`.
  const draw = (asked, sketch, tools) => (sketch.shape === "label" ? label(asked, sketch, tools) : rows(asked, sketch, tools));

  const wholeNumber = (value, keep, name, { element, changed }, properties = {}) => {
    const input = element("input", {
      className: "form-control rule-number", type: "number", min: "0", step: "1", inputMode: "numeric",
      ariaLabel: name, value: value ?? "", ...properties,
    });
    input.addEventListener("input", () => {
      keep(input.value === "" || !input.checkValidity() ? null : Number(input.value));
      changed();
    });
    return input;
  };

  const rows = (asked, sketch, tools) => {
    const { element, options, texts, redraw } = tools;
    const { count } = asked;
    const operators = sketch.operators.map((code) => ({ code, label: texts[code] }));
    const operator = element("select", { className: "form-select", ariaLabel: texts.operator }, ...options(operators, count.op));
    operator.addEventListener("change", () => {
      const value = Array.isArray(count.value) ? count.value[0] : count.value;
      asked.count = { op: operator.value, value: operator.value === "between" ? [value, value] : value };
      redraw();
    });
    const numbers = count.op === "between"
      ? [wholeNumber(count.value[0], (value) => { count.value[0] = value; }, texts.from, tools, { required: true }),
        element("span", { textContent: texts.and }),
        wholeNumber(count.value[1], (value) => { count.value[1] = value; }, texts.to, tools, { required: true })]
      : [wholeNumber(count.value, (value) => { count.value = value; }, texts.times, tools, { required: true })];
    const days = wholeNumber(asked.within_days, (value) => { asked.within_days = value; },
      `${texts.within} … ${texts.days}`, tools, { placeholder: texts.ever });
    return [operator, ...numbers, element("span", { textContent: texts.times }),
      element("span", { textContent: texts.within }), days, element("span", { textContent: texts.days }),
      filters(asked, sketch, tools)];
  };

  const filters = (asked, sketch, tools) => {
    const { element, texts } = tools;
    const parts = sketch.parts.map((part) =>
      element("div", { className: "rule-part" },
        element("span", { className: "text-secondary", textContent: part.label, title: part.info }),
        control(part, asked.filter, tools)));
    return element("details", { className: "rule-parts", open: Object.keys(asked.filter).length > 0 },
      element("summary", { textContent: texts.only }), ...parts);
  };

  const control = (part, filter, tools) => {
    if (part.kind === "flag") return flag(part, filter, tools);
    if (part.kind === "money") return money(part, filter, tools);
    if (part.kind === "words") return words(part, filter, tools);
    return several(part, filter, tools);
  };

  const flag = (part, filter, { element, options, texts, changed }) => {
    const choices = [["", texts.any_value], ["yes", texts.yes], ["no", texts.no]].map(([code, text]) => ({ code, label: text }));
    const chosen = filter[part.code] === undefined ? "" : filter[part.code] ? "yes" : "no";
    const chooser = element("select", { className: "form-select", ariaLabel: part.label }, ...options(choices, chosen));
    chooser.addEventListener("change", () => {
      if (chooser.value) filter[part.code] = chooser.value === "yes";
      else delete filter[part.code];
      changed();
    });
    return chooser;
  };

  const money = (part, filter, { element, changed }) => {
    const input = element("input", {
      className: "form-control", type: "number", min: "0", step: "0.01", inputMode: "decimal", ariaLabel: part.label,
      title: part.info, value: filter[part.code] ?? "",
    });
    input.addEventListener("input", () => {
      filter[part.code] = input.checkValidity() ? input.value : "";
      changed();
    });
    return input;
  };

  const words = (part, filter, { element, texts, changed }) => {
    const input = element("input", {
      className: "form-control", type: "text", ariaLabel: part.label, title: part.info, placeholder: texts.list,
      value: (filter[part.code] ?? []).join(", "), data: { text: "" },
    });
    input.addEventListener("input", () => {
      filter[part.code] = input.value.split(/[,，]/).map((word) => word.trim()).filter(Boolean);
      changed();
    });
    return input;
  };

  // What was chosen earlier stays, also where it is offered no more.
  const offered = (part, chosen) => {
    const known = new Set(part.choices.map(({ code }) => code));
    return [...part.choices, ...chosen.filter((code) => !known.has(code)).map((code) => ({ code, label: code }))];
  };

  const several = (part, filter, tools) => {
    const chosen = (filter[part.code] ?? []).map(String);
    const keep = (codes) => { filter[part.code] = codes; tools.changed(); };
    return picker(offered(part, chosen), chosen, part.label, keep, tools);
  };

  const picker = (choices, chosen, name, keep, { element, options }) => {
    if (choices.length > MANY) {
      const list = element("select", { className: "form-select", multiple: true, size: 5, ariaLabel: name }, ...options(choices, null));
      for (const option of list.options) option.selected = chosen.includes(option.value);
      list.addEventListener("change", () => keep([...list.selectedOptions].map((option) => option.value)));
      return list;
    }
    const boxes = choices.map(({ code, label: text }) => {
      const box = element("input", { type: "checkbox", checked: chosen.includes(code) });
      return { code, box, chip: element("label", { className: "rule-chip" }, box, element("span", { textContent: text })) };
    });
    for (const { box } of boxes) {
      box.addEventListener("change", () => keep(boxes.filter((one) => one.box.checked).map((one) => one.code)));
    }
    return element("div", { className: "rule-chips", role: "group", ariaLabel: name }, ...boxes.map(({ chip }) => chip));
  };

  const label = (asked, sketch, tools) => {
    const { element, options, texts, changed, redraw } = tools;
    const kind = element("select", { className: "form-select", ariaLabel: texts.field }, ...options(sketch.kinds, asked.kind));
    kind.addEventListener("change", () => { Object.assign(asked, { kind: kind.value, value: [] }); redraw(); });
    const day = element("input", { className: "form-control", type: "date", required: true, ariaLabel: texts.on, value: asked.on });
    day.addEventListener("input", () => { asked.on = day.value; changed(); });
    const { choices } = sketch.kinds.find(({ code }) => code === asked.kind);
    const keep = (codes) => { asked.value = codes; changed(); };
    return [kind, picker(choices, asked.value, texts.value, keep, tools), element("span", { textContent: texts.on }), day];
  };

  return { fresh, isComplete, clean, read, draw };
})();
