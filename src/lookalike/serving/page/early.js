/* A classic script in the head: the library's first pictures are asked for while the modules are still on their way. */
if (!location.search) window.firstPictures = fetch("v1/images?limit=50", { headers: { Accept: "application/json" } }).catch(() => null);
