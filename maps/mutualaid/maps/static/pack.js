/* Packed columns on their way back into arrays. */
(function (kit) {
  "use strict";
  async function inflate(base64) {
    const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  async function unpack(table) {
    const bytes = await inflate(table.z), columns = {};
    let at = 0;
    for (const [key, n, width] of table.columns) {
      const out = columns[key] = new Int32Array(n);
      for (let i = 0, sum = 0; i < n; i++) {
        let folded = 0;
        for (let k = 0; k < width; k++) folded |= bytes[at + k * n + i] << 8 * k;
        sum += (folded >>> 1) ^ -(folded & 1);
        out[i] = sum;
      }
      at += n * width;
    }
    return columns;
  }
  /** Vertices of all shapes: [[[ [lat, lon], … ] ring, …] part, …] for each shape. */
  async function unpackPaths(paths) {
    const { x, y } = await unpack(paths.packed), [lon, lat] = paths.packed.origin, step = paths.packed.step;
    let at = 0;
    return paths.shapes.map(parts => parts.map(rings => rings.map(n => {
      const ring = new Array(n);
      for (let i = 0; i < n; i++, at++) ring[i] = [lat + y[at] * step, lon + x[at] * step];
      return ring;
    })));
  }
  function polynomial(p) {
    const degree = p.coefficients[0].length - 1;
    return {
      /** Factors of u, u², … of both results along a line of constant v. */
      along(y) {
        const v = (y - p.centre[1]) / p.scale[1];
        return p.coefficients.map(matrix => matrix.map(row => row.reduceRight((sum, c) => sum * v + c, 0)));
      },
      u: x => (x - p.centre[0]) / p.scale[0],
      at(x, y) {
        const u = this.u(x);
        return this.along(y).map(line => line.reduceRight((sum, c) => sum * u + c, 0));
      },
      degree,
    };
  }


  Object.assign(kit, { inflate, polynomial, unpack, unpackPaths });
})(window.mutualaid.kit);
