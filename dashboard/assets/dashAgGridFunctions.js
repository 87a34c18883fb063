// Functions that the tables name in their columns and options.
var dagfuncs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

const SEVERITIES = ["Low", "Medium", "High", "Critical"];

dagfuncs.bySeverity = function (left, right) {
  const rank = (text) => SEVERITIES.findIndex((word) => String(text).endsWith(word));
  return rank(left) - rank(right);
};

// Light and dark follow the attribute that ringfence.js keeps on the body.
dagfuncs.ringfenceGridTheme = function (theme) {
  return theme.themeQuartz.withParams({ fontSize: 13, spacing: 6, wrapperBorderRadius: 8 });
};
