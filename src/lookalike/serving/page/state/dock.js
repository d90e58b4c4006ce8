/** On a phone the query stays within reach: once it is scrolled away, its heading docks at the top of the screen. */

const NARROW = matchMedia("(width < 56rem) and (not ((orientation: landscape) and (width >= 34rem) and (height < 30rem)))");
const BAR = 56; // pixels: about the height of the docked heading

export class Dock {
  /** @param {HTMLElement} aside  keeps its height while docked: what is below never moves @param {import("../elements/query-panel.js").QueryPanel} panel */
  constructor(aside, panel) {
    this.aside = aside;
    this.panel = panel;
    const watch = new IntersectionObserver(() => this.#settle(), { rootMargin: `-${BAR}px 0px 0px 0px`, threshold: [0, 0.01] });
    watch.observe(aside);
    NARROW.addEventListener("change", () => this.#settle());
  }

  /** Whether the panel lies above the results, not beside them. */
  get narrow() {
    return NARROW.matches;
  }

  /** Scroll to where the panel is and the first results are right below it. */
  bringResults() {
    const top = this.aside.getBoundingClientRect().top + scrollY;
    if (scrollY > top) scrollTo(0, top);
  }

  #settle() {
    const { bottom } = this.aside.getBoundingClientRect();
    const docked = NARROW.matches && !this.aside.hidden && bottom < BAR;
    this.aside.style.height = docked ? this.aside.style.height || `${this.aside.offsetHeight}px` : "";
    this.panel.docked = docked;
    document.documentElement.toggleAttribute("data-docked", docked);
  }
}
