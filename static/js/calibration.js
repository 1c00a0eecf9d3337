// Handles of the calibration page: while one moves, the counts of the stages, the shares and the marks of the curve
// follow. The numbers come from the page itself (segmentation/draft.py): customers by days since their last purchase,
// summed up, and both curves. Without this script the numbers are written into fields and sent with "Show".
(() => {
  "use strict";
  const NAMES = ["p30", "p60", "p90"];
  const locale = () => (document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en");
  const whole = (value) => new Intl.NumberFormat(locale()).format(value);
  const signed = (value) => new Intl.NumberFormat(locale(), { signDisplay: "exceptZero" }).format(value);
  const share = (value) => new Intl.NumberFormat(locale(), { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value);
  const at = (sums, day) => (day < 0 || !sums.length ? 0 : sums[Math.min(day, sums.length - 1)]);

  const stages = ({ once, more }, [p30, p60, p90]) => {
    const all = (day) => at(once, day) + at(more, day);
    return {
      new: at(once, p30),
      active: at(more, p30),
      silent: all(p60) - all(p30),
      dormant: all(p90) - all(p60),
      lost: all(Infinity) - all(p90),
    };
  };

  const moveMarks = (days) => {
    const box = document.querySelector('[data-chart="coming-back-chart"]');
    const script = document.getElementById("coming-back-chart");
    if (!box || !script) return;
    // The theme switch and the table draw from this text again.
    const data = JSON.parse(script.textContent);
    data.marks = NAMES.map((name, place) => ({ x: days[place], label: name.toUpperCase() }));
    script.textContent = JSON.stringify(data);
    const chart = window.echarts?.getInstanceByDom(box);
    const marks = data.marks.map((mark) => ({ xAxis: mark.x, label_text: mark.label }));
    chart?.setOption({ animation: false, series: [{ markLine: { data: marks } }] });
  };

  const wire = (root) => {
    const data = JSON.parse(document.getElementById(root.dataset.calibration).textContent);
    const field = (name) => root.querySelector(`[data-days="${name}"]`);
    const days = () => NAMES.map((name) => Number(field(name).value));

    const show = () => {
      const bounds = days();
      const rises = bounds.every(Number.isInteger) && bounds[0] >= 1 && bounds[0] < bounds[1] && bounds[1] < bounds[2];
      const problem = root.querySelector("[data-falls]");
      const button = root.querySelector("[data-put-in-force]");
      if (problem) problem.hidden = rises;
      if (button) button.disabled = !rises;
      for (const name of [...NAMES, "day"]) {
        for (const curve of ["returned", "coming_back"]) {
          root.querySelector(`[data-share="${curve} ${name}"]`).textContent = share(at(data[curve], Number(field(name).value)));
        }
      }
      NAMES.forEach((name, place) => {
        const kept = root.querySelector(`[data-kept="${name}"]`);
        if (kept) kept.value = bounds[place];
      });
      if (rises) showCounts(bounds);
    };

    const showCounts = (bounds) => {
      for (const [code, n] of Object.entries(stages(data, bounds))) {
        root.querySelector(`[data-stage="${code}"]`).textContent = whole(n);
        root.querySelector(`[data-change="${code}"]`).textContent = signed(n - data.now[code]);
      }
      moveSoon();
    };

    let waits = false;
    const moveSoon = () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        moveMarks(days());
      });
    };

    root.querySelectorAll("[data-handle]").forEach((slider) => {
      const number = field(slider.dataset.handle);
      slider.hidden = false;
      slider.addEventListener("input", () => {
        number.value = slider.value;
        show();
      });
      number.addEventListener("input", () => {
        if (Number(number.value) > Number(slider.max)) slider.max = number.value;
        slider.value = number.value;
        show();
      });
    });
    root.querySelector("[data-needless]").hidden = true;
    show();
  };

  const start = (root) => root.querySelectorAll("[data-calibration]:not([data-wired])").forEach((node) => {
    node.dataset.wired = "";
    wire(node);
  });
  document.addEventListener("htmx:afterSettle", (event) => start(event.target));
  start(document);
})();
