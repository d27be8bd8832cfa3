"""Pure mask maths on packed bits: arrays in, arrays out; no files, no format, no SQL.

``regions``  what a packed mask is; splitting, packing, unpacking, cropping
``windows``  counting set bits inside boxes, many boxes at once, without unpacking
``boxes``    finding which boxes meet
``measure``  overlap, union, IoU, containment and distance of two placed masks
``tiles``    masks whose regions share pixels, made countable
``overlaps`` overlap of all masks of a picture
"""
