// Shows the texts that stand ready for the point under the slider; nothing is computed here.
(function () {
  "use strict";
  var slider = document.getElementById("slider");
  if (!slider) return;
  var points = JSON.parse(document.getElementById("points").textContent);
  function move(id, place) {
    var ring = document.getElementById(id);
    if (!ring || !place) return;
    ring.setAttribute("cx", place[0]);
    ring.setAttribute("cy", place[1]);
  }
  function show() {
    var point = points[Number(slider.value)];
    point.text.forEach(function (pair) {
      var place = document.querySelector('[data-of="' + pair[0] + '"]');
      if (place) place.textContent = pair[1];
    });
    slider.setAttribute("aria-valuetext", point.text.slice(0, 4).map(function (pair) {
      return pair[0].replace(/_/g, " ") + " " + pair[1];
    }).join(", "));
    move("ring-pr", point.precision_recall);
    move("ring-roc", point.roc);
  }
  slider.addEventListener("input", show);
  show();
})();
