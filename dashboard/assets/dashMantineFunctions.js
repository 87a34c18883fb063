// Functions that the charts name in their options.
var dmcfuncs = (window.dashMantineFunctions = window.dashMantineFunctions || {});

dmcfuncs.ringfenceDay = function (day) {
  return new Date(day * 86400000).toISOString().slice(0, 10);
};

dmcfuncs.ringfenceMoney = function (amount) {
  return Number(amount).toLocaleString("en", { maximumFractionDigits: 2 });
};
