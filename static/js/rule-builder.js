// The editor of segment rules: groups (all, any, none) of conditions, nested. What is edited stands as JSON in a hidden
// field; after each change the form is told (`rule-changed`), and htmx asks the server for counts. The server's paths
// ("/all/1/any/0") say which count belongs to which part.
(() => {
  "use strict";

  const element = (name, properties = {}, ...children) => {
    const { data = {}, ...rest } = properties;
    const node = Object.assign(document.createElement(name), rest);
    Object.assign(node.dataset, data);
    node.append(...children.filter((child) => child !== null));
    return node;
  };

  const readJson = (id) => JSON.parse(document.getElementById(id).textContent);

  const options = (choices, chosen) =>
    choices.map(({ code, label }) => element("option", { value: code, textContent: label, selected: code === chosen }));

  const iconButton = (icon, label) =>
    element("button", { type: "button", className: "btn-tool", title: label, ariaLabel: label },
      element("i", { className: `bi ${icon}`, ariaHidden: "true" }));

  // ---- from a rule to what is edited, and back ----

  // Conditions over rows by their key, as the server sketches them (rule-conditions.js draws them).
  let sketches = new Map();
  const sketchOf = (rule) => sketches.get(Object.keys(rule ?? {})[0]);

  const toGroup = (rule) => {
    if (rule?.all) return { kind: "all", children: rule.all.map(toNode) };
    if (rule?.any) return { kind: "any", children: rule.any.map(toNode) };
    if (rule?.not) return { kind: "none", children: (rule.not.any ?? [rule.not]).map(toNode) };
    if (rule?.field || sketchOf(rule)) return { kind: "all", children: [toNode(rule)] };
    return { kind: "all", children: [] };
  };

  const toNode = (rule) => {
    if (rule.field) return { ...rule };
    const sketch = sketchOf(rule);
    return sketch ? { sketch, asked: window.ruleConditions.read(rule[sketch.key], sketch) } : toGroup(rule);
  };

  // Leaves out what is not filled in yet, and notes each part's path for its count.
  const toRule = (node, path = "") => {
    node.path = path;
    if (node.field) return isComplete(node) ? { field: node.field, op: node.op, value: node.value } : null;
    if (node.sketch) {
      const { isComplete: isWhole, clean } = window.ruleConditions;
      return isWhole(node.asked, node.sketch) ? { [node.sketch.key]: clean(node.asked, node.sketch) } : null;
    }
    const inner = node.kind === "none" ? `${path}/not/any` : `${path}/${node.kind}`;
    const rules = [];
    for (const child of node.children) {
      const rule = toRule(child, `${inner}/${rules.length}`);
      if (rule) rules.push(rule);
      else child.path = null;
    }
    if (!rules.length) return path ? null : {};
    return node.kind === "none" ? { not: { any: rules } } : { [node.kind]: rules };
  };

  const isComplete = ({ value }) => {
    if (Array.isArray(value)) return value.length > 0 && value.every((item) => item !== null && item !== "");
    return value !== null && value !== undefined && value !== "";
  };

  class Builder {
    constructor(root) {
      this.root = root;
      this.schema = readJson(root.dataset.schema);
      this.texts = this.schema.texts;
      this.fields = new Map(this.schema.fields.map((field) => [field.code, field]));
      sketches = new Map(this.schema.conditions.map((sketch) => [sketch.key, sketch]));
      this.input = document.getElementById(root.dataset.input);
      this.tree = toGroup(readJson(root.dataset.start));
      this.draw();
      this.changed();
    }

    draw() {
      this.counts = [];
      this.root.replaceChildren(this.group(this.tree, null, 1));
    }

    redraw(focus) {
      this.draw();
      this.changed();
      if (focus) this.root.querySelector(focus)?.focus();
    }

    changed() {
      this.input.value = JSON.stringify(toRule(this.tree));
      this.input.dispatchEvent(new CustomEvent("rule-changed", { bubbles: true }));
    }

    // The count of a part, filled in when the preview has come.
    count(node) {
      const place = element("span", { className: "rule-count tabular" });
      this.counts.push([node, place]);
      return place;
    }

    show(parts, format, about) {
      for (const [node, place] of this.counts) {
        const known = node.path !== null && node.path in parts && node !== this.tree;
        place.textContent = known ? about + format.format(parts[node.path]) : "";
        place.title = known ? this.texts.alone : "";
      }
    }

    group(node, parent, depth) {
      const kinds = ["all", "any", "none"].map((code) => ({ code, label: this.texts[code] }));
      const kind = element("select", { className: "form-select", ariaLabel: this.texts.fit }, ...options(kinds, node.kind));
      kind.addEventListener("change", () => { node.kind = kind.value; this.changed(); });
      const head = element("div", { className: "rule-head" },
        element("span", { textContent: this.texts.fit }), kind, parent ? this.count(node) : null,
        parent ? this.removal(node, parent) : null);
      const body = node.children.map((child) =>
        child.field || child.sketch ? this.line(child, node) : this.group(child, node, depth + 1));
      const empty = !parent && !node.children.length
        ? element("p", { className: "text-secondary m-0", textContent: this.texts.empty }) : null;
      return element("fieldset", { className: "rule-group" }, head, ...body, empty, this.additions(node, depth));
    }

    additions(node, depth) {
      const add = element("button", { type: "button", className: "btn btn-sm", textContent: `+ ${this.texts.add}` });
      add.addEventListener("click", () => { node.children.push(this.fresh()); this.redraw("[data-newest]"); });
      const deeper = element("button", { type: "button", className: "btn btn-sm", textContent: `+ ${this.texts.addGroup}` });
      deeper.addEventListener("click", () => {
        node.children.push({ kind: "any", children: [this.fresh()] });
        this.redraw("[data-newest]");
      });
      // A group needs room for itself, and a “not” takes one step more.
      return element("div", { className: "rule-head" }, add, depth * 2 + 3 <= this.schema.depth ? deeper : null);
    }

    fresh() {
      const field = this.schema.fields[0];
      return { field: field.code, op: field.operators[0].code, value: this.emptyValue(field, field.operators[0].code), isNew: true };
    }

    emptyValue(field, op) {
      if (op === "in" || op === "not_in") return [];
      if (op === "between") return [null, null];
      return field.kind === "flag" ? true : null;
    }

    removal(node, parent) {
      const button = iconButton("bi-x-lg", this.texts.remove);
      button.addEventListener("click", () => {
        parent.children.splice(parent.children.indexOf(node), 1);
        this.redraw(".rule-head .btn");
      });
      return button;
    }

    // What a condition may ask about: fields of the customer, and what happened.
    subjects(node) {
      const chosen = node.sketch ? `rows:${node.sketch.key}` : node.field;
      const rows = this.schema.conditions.map(({ key, label }) => ({ code: `rows:${key}`, label }));
      return [
        element("optgroup", { label: this.texts.customer }, ...options(this.schema.fields, chosen)),
        element("optgroup", { label: this.texts.rows }, ...options(rows, chosen)),
      ];
    }

    // A line about something else now, with nothing filled in.
    ask(node, code) {
      for (const key of ["field", "op", "value", "sketch", "asked"]) delete node[key];
      node.isNew = true;
      if (code.startsWith("rows:")) {
        node.sketch = sketches.get(code.slice(5));
        node.asked = window.ruleConditions.fresh(node.sketch);
        return;
      }
      const chosen = this.fields.get(code);
      Object.assign(node, { field: chosen.code, op: chosen.operators[0].code });
      node.value = this.emptyValue(chosen, node.op);
    }

    line(node, parent) {
      const field = node.sketch ? { info: "" } : this.fields.get(node.field);
      if (!field) return element("div", { className: "rule-line" }, node.field, this.removal(node, parent));
      const what = element("select", { className: "form-select", ariaLabel: this.texts.field, title: field.info },
        ...this.subjects(node));
      if (node.isNew) { what.dataset.newest = ""; delete node.isNew; }
      what.addEventListener("change", () => {
        this.ask(node, what.value);
        this.redraw("[data-newest]");
      });
      if (node.sketch) {
        return element("div", { className: "rule-line" }, what, ...this.happenings(node), this.count(node), this.removal(node, parent));
      }
      return element("div", { className: "rule-line" }, what, this.operator(node, field), ...this.value(node, field),
        this.count(node), this.removal(node, parent));
    }

    happenings(node) {
      const tools = { element, options, texts: this.texts, changed: () => this.changed(), redraw: () => this.redraw() };
      return window.ruleConditions.draw(node.asked, node.sketch, tools);
    }

    operator(node, field) {
      if (field.operators.length === 1) return element("span", { textContent: field.operators[0].label });
      const chooser = element("select", { className: "form-select", ariaLabel: this.texts.operator },
        ...options(field.operators, node.op));
      chooser.addEventListener("change", () => {
        const shape = (op) => (["in", "not_in"].includes(op) ? "list" : op === "between" ? "pair" : "one");
        if (shape(chooser.value) !== shape(node.op)) node.value = this.emptyValue(field, chooser.value);
        node.op = chooser.value;
        this.redraw();
      });
      return chooser;
    }

    value(node, field) {
      if (node.op === "in" || node.op === "not_in") return [field.kind === "text" ? this.words(node) : this.chips(node, field)];
      if (node.op === "between") {
        return [this.box(field, node.value[0], this.texts.from, (value) => { node.value[0] = value; }),
          element("span", { textContent: this.texts.and }),
          this.box(field, node.value[1], this.texts.to, (value) => { node.value[1] = value; })];
      }
      if (field.kind === "flag") return [this.flag(node)];
      return [this.box(field, node.value, this.texts.value, (value) => { node.value = value; })];
    }

    // One value: a number, an amount, a day or a word.
    box(field, value, label, keep) {
      const isNumber = ["number", "days", "score", "percent", "money", "average"].includes(field.kind);
      const isWhole = isNumber && !["money", "average"].includes(field.kind);
      const input = element("input", {
        className: "form-control", ariaLabel: label, required: true, value: value ?? "",
        type: isNumber ? "number" : field.kind === "date" ? "date" : "text",
      });
      if (isNumber) Object.assign(input, { step: isWhole ? "1" : "0.01", min: field.kind === "money" ? "" : "0", inputMode: isWhole ? "numeric" : "decimal" });
      if (field.kind === "score") Object.assign(input, { min: "1", max: "5" });
      if (field.kind === "percent") input.max = "100";
      input.addEventListener("input", () => {
        if (!isNumber) keep(input.value);
        else keep(input.value === "" || !input.checkValidity() ? null : isWhole ? Number(input.value) : input.value);
        this.changed();
      });
      return input;
    }

    flag(node) {
      const choices = [{ code: "yes", label: this.texts.yes }, { code: "no", label: this.texts.no }];
      const chooser = element("select", { className: "form-select", ariaLabel: this.texts.value }, ...options(choices, node.value ? "yes" : "no"));
      chooser.addEventListener("change", () => { node.value = chooser.value === "yes"; this.changed(); });
      return chooser;
    }

    words(node) {
      const input = element("input", {
        className: "form-control", type: "text", required: true, value: node.value.join(", "),
        ariaLabel: this.texts.list, placeholder: this.texts.list, data: { text: "" },
      });
      input.addEventListener("input", () => {
        node.value = input.value.split(/[,，]/).map((word) => word.trim()).filter(Boolean);
        this.changed();
      });
      return input;
    }

    chips(node, field) {
      const choices = field.kind === "score"
        ? [1, 2, 3, 4, 5].map((score) => ({ code: score, label: String(score) })) : field.choices;
      const boxes = choices.map(({ code, label }) => {
        const box = element("input", { type: "checkbox", checked: node.value.includes(code) });
        box.addEventListener("change", () => {
          node.value = choices.map((choice) => choice.code).filter((known) => (known === code ? box.checked : node.value.includes(known)));
          need();
          this.changed();
        });
        return [box, element("label", { className: "rule-chip" }, box, element("span", { textContent: label }))];
      });
      const need = () => boxes[0][0].setCustomValidity(node.value.length ? "" : this.texts.choose);
      need();
      return element("div", { className: "rule-chips", role: "group", ariaLabel: this.texts.value }, ...boxes.map(([, label]) => label));
    }
  }

  const builders = [...document.querySelectorAll("[data-rule-builder]")].map((root) => new Builder(root));
  const format = new Intl.NumberFormat(document.documentElement.lang);

  document.addEventListener("htmx:afterSettle", (event) => {
    const counts = event.target.querySelector?.("[data-rule-counts]");
    if (counts) builders.forEach((builder) =>
      builder.show(readJson(counts.dataset.ruleCounts), format, "estimated" in counts.dataset ? "≈ " : ""));
  });
})();
