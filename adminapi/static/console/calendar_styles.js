/* FullCalendar brings a font for its icons inside its styles, which our policy blocks and we have no use for. It puts its
   styles into an element of this mark, if there is one: ours leaves fonts out. */
(() => {
  "use strict";
  const styles = document.createElement("style");
  styles.setAttribute("data-fullcalendar", "");
  document.head.insertBefore(styles, document.head.querySelector("link[rel=stylesheet]"));
  const { sheet } = styles;
  sheet.insertRule = (rule) => rule.startsWith("@font-face") ? 0 : CSSStyleSheet.prototype.insertRule.call(sheet, rule, sheet.cssRules.length);
})();
