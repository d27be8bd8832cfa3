"""Pure mask maths on packed bits: arrays in, arrays out; no files, no format, no SQL.

``regions``        what a packed mask is; packing, unpacking, cropping
``split``          from a mask to its regions
``windows``        counting set bits inside boxes, many boxes at once, without unpacking
``blocks``         the same for many pairs of the same masks, cut up once
``boxes``          finding which boxes meet
``measure``        overlap, union, IoU, containment and distance of two placed masks
``tiles``          masks whose regions share pixels, made countable
``intersections``  overlap of all masks of a picture
``cells``          how many pixels of masks fall into each cell of a grid
``distance``       how far masks lie from a pixel
``gaps``           which masks touch, or nearly do
``unions``         several masks as one, and the tight box around it
``digests``        equal pixels, however they are cut into regions
``batching``       work in portions of bounded size
"""
