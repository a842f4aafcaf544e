package document

import "math"

// matrix is [a b c d e f] of ISO 32000-1 section 8.3.3.
type matrix [6]float64

// unit changes nothing.
func unit() matrix { return matrix{1, 0, 0, 1, 0, 0} }

func (m matrix) mul(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

// matrixOf reads a matrix; none is the one that changes nothing.
func (p *pdf) matrixOf(v any) matrix {
	m := unit()
	if list := p.floats(v); len(list) == len(m) {
		copy(m[:], list)
	}
	return m
}

// floats reads a short list of numbers.
func (p *pdf) floats(v any) []float64 {
	a, _ := p.get(v).(pdfArray)
	var list []float64
	for _, x := range a[:min(len(a), 8)] {
		f, _ := p.get(x).(float64)
		list = append(list, f)
	}
	return list
}

// box is a rectangle; one that is not set holds everything.
type box struct {
	left, low, right, high float64
	set                    bool
}

// with is the smallest box around b and a point.
func (b box) with(x, y float64) box {
	if !b.set {
		return box{x, y, x, y, true}
	}
	return box{math.Min(b.left, x), math.Min(b.low, y), math.Max(b.right, x), math.Max(b.high, y), true}
}

// within is what two boxes share.
func (b box) within(o box) box {
	switch {
	case !b.set:
		return o
	case !o.set:
		return b
	}
	return box{math.Max(b.left, o.left), math.Max(b.low, o.low), math.Min(b.right, o.right), math.Min(b.high, o.high), true}
}

func (b box) holds(x, y float64) bool {
	return !b.set || x >= b.left-1 && x <= b.right+1 && y >= b.low-1 && y <= b.high+1
}

// boxOf reads two corners.
func (p *pdf) boxOf(v any) box {
	var b box
	if list := p.floats(v); len(list) == 4 {
		b = b.with(list[0], list[1]).with(list[2], list[3])
	}
	return b
}

// sight takes the operators that tell what of the text is in sight: rendering
// mode, colour, transparency, clips, layers.
func (c *canvas) sight(op pdfWord) {
	switch op {
	case "Tr":
		mode := c.number(1)
		c.now.unseen = mode == 3 || mode == 7
	case "g", "rg", "sc", "scn":
		c.now.white = len(c.operands) > 0 && len(c.operands) < 4 && c.all(func(v float64) bool { return v > 0.98 })
	case "k":
		c.now.white = c.all(func(v float64) bool { return v < 0.02 })
	case "cs":
		c.now.white = false
	case "gs":
		name, _ := c.last().(pdfName)
		if alpha, ok := c.p.getDict(c.p.getDict(c.res["ExtGState"])[string(name)])["ca"].(float64); ok {
			c.now.clear = alpha < 0.05
		}
	case "BMC", "BDC":
		c.marks++
		if tag, _ := first(c.operands).(pdfName); tag == "OC" && c.layer == 0 {
			c.layer = c.marks
		}
	case "EMC":
		if c.layer == c.marks {
			c.layer = 0
		}
		c.marks = max(0, c.marks-1)
	default:
		c.shape(op)
	}
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// all reports whether every operand is a number of which ok is true.
func (c *canvas) all(ok func(float64) bool) bool {
	for _, v := range c.operands {
		if n, is := v.(float64); !is || !ok(n) {
			return false
		}
	}
	return true
}

// shape follows paths as far as the box around them, which is all that a clip
// can leave in sight.
func (c *canvas) shape(op pdfWord) {
	switch op {
	case "re":
		x, y, w, h := c.number(4), c.number(3), c.number(2), c.number(1)
		for _, at := range [...][2]float64{{x, y}, {x + w, y}, {x, y + h}, {x + w, y + h}} {
			c.point(at[0], at[1])
		}
	case "m", "l", "c", "v", "y":
		for i := len(c.operands) / 2; i > 0; i-- {
			c.point(c.number(2*i), c.number(2*i-1))
		}
	case "W", "W*":
		c.clips = true
	case "n", "f", "F", "f*", "B", "B*", "b", "b*", "S", "s":
		if c.clips {
			c.now.clip = c.now.clip.within(c.path)
		}
		c.path, c.clips = box{}, false
	}
}

func (c *canvas) point(x, y float64) {
	m := c.now.ctm
	c.path = c.path.with(x*m[0]+y*m[2]+m[4], x*m[1]+y*m[3]+m[5])
}
