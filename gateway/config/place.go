package config

// Problem is something wrong with the value of path ("policy") that shows only
// when the value is used, at its place in the file.
func (c *Config) Problem(path, text string) Problem { return c.problem(path, "%s", text) }
