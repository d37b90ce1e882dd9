// Before the first picture: the visitor's own colours (theme.ts), and no view but the address's.
(() => {
  const { dataset } = document.documentElement;
  const theme = localStorage.getItem("quarterdeck.theme");
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  if (!/^(#\/?(trust.*)?)?$/.test(location.hash)) dataset.opening = "";
})();
