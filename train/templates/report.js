// Shows the texts that stand ready for the point under the slider; nothing is computed here.
(function () {
  "use strict";
  var slider = document.getElementById("slider");
  if (!slider) return;
  var points = JSON.parse(document.getElementById("points").textContent);
  function move(place) {
    var ring = document.getElementById(place[0]);
    if (!ring) return;
    ring.setAttribute("cx", place[1]);
    ring.setAttribute("cy", place[2]);
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
    point.rings.forEach(move);
  }
  slider.addEventListener("input", show);
  show();
})();
