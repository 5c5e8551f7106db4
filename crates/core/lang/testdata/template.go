// Writes template.jsonl: what Go itself renders. go run template.go > template.jsonl
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

const data = `{"x":1,"f":99.5,"big":12345678,"huge":1e21,"tiny":0.00001,"small":0.0001,"w":3,"neg":-0.5,"name":"web","nil":null,"ok":true,
"xs":["a","b"],"ns":[1,2.5,1e7],"m":{"k":"v","a.b/c":"lbl","n":{"z":1}},"empty":[],"s":"a\"b<c>&'é",
"rollout":{"metadata":{"name":"r","labels":{"app.kubernetes.io/name":"r1"}},"status":{"conditions":[{"type":"Healthy"},{"type":"Paused"}]}}}`

var texts = []string{
	// The functions of queries.
	`rate(r{ns="{{ namespace }}",w=~"{{ target }}-[0-9]+",code!~"5.*"}[{{interval}}])`,
	`{{ name }} {{service}} {{ ingress }} {{ route }}`, `{{ variables.x }}`, `{{ index variables "x" }}`, `[{{ index variables "nope" }}]`,
	`{{ variables.nope }}`, `{{ variables }}`, `{{ with variables }}{{ .x }}{{ end }}`, `{{ range $k, $v := variables }}{{$k}}={{$v}};{{ end }}`,
	`{{- $t := target -}}d{t="{{ printf "%s-%s" $t (index variables "x") }}"{{ if eq namespace "none" }},no="1"{{ else }},yes="1"{{ end }}}`,
	`{{ target | printf "%s!" }}`, `{{ target "more" }}`, `{{ undefined }}`, `{{ if false }}{{ undefined }}{{ end }}`, `{{ target.x }}`,
	// Values.
	`{{ .x }}`, `{{ .f }}`, `{{ .big }}`, `{{ .huge }}`, `{{ .tiny }}`, `{{ .small }}`, `{{ .neg }}`, `{{ .w }}`, `{{ .ns }}`, `{{ .m }}`, `{{ .xs }}`, `{{ .nil }}`,
	`{{ .missing }}`, `{{ .m.missing }}`, `{{ .m.n.z }}`, `{{ .name.foo }}`, `{{ . | len }}`, `{{ len .xs }}`, `{{ len .name }}`, `{{ len .x }}`,
	`{{ "quoted" }}`, "{{ `raw` }}", `{{ 'a' }}`, `{{ 1_000 }}`, `{{ 1e7 }}`, `{{ 1.5 }}{{ true }}`, `{{ 0x10 }}`, `{{ nil }}`, `{{ print nil }}`,
	// Space and comments.
	`a {{- .x -}} b`, "a\n{{- 1 }}\n", `{{/* c */}}z`, `a {{- /* c */ -}} z`, `{{ /* c */ }}z`, `a {{-1}} b`,
	// Blocks.
	`{{ if .ok }}y{{ end }}`, `{{ if .nil }}y{{ else }}n{{ end }}`, `{{ if .nil }}y{{ else if .ok }}z{{ end }}`, `{{ with .m }}{{ .k }}{{ end }}`,
	`{{ with .nil }}a{{ else }}b{{ end }}`, `{{ with $v := .m.k }}{{ $v }}{{ $.x }}{{ end }}`, `{{ with .nil }}a{{ else with .m }}{{ .k }}{{ end }}`,
	`{{ range .xs }}[{{ . }}]{{ end }}`, `{{ range $i, $e := .xs }}{{ if $i }},{{ end }}{{ $e }}{{ end }}`, `{{ range $k, $v := .m.n }}{{$k}}={{$v}}{{ end }}`,
	`{{ range .empty }}x{{ else }}none{{ end }}`, `{{ range .xs }}{{ if eq . "a" }}{{ continue }}{{ end }}{{ . }}{{ break }}{{ end }}`, `{{ range 3 }}{{ . }}{{ end }}`,
	`{{ range .ns }}{{ . }} {{ end }}`, `{{ $a := 1 }}{{ $a = 2 }}{{ $a }}`, `{{ $a := 1 }}{{ if true }}{{ $a = 2 }}{{ end }}{{ $a }}`, `{{ $x := .m }}{{ $x.k }}`,
	`{{ define "T" }}<{{ . }}>{{ end }}{{ template "T" .x }}`, `{{ block "B" . }}{{ .x }}{{ end }}`, `{{ template "none" }}`,
	`{{ define "T" }}a{{ end }}{{ define "T" }}b{{ end }}`, `{{ define "T" }}{{ if . }}{{ template "U" . }}{{ end }}{{ end }}{{ define "U" }}u{{ end }}{{ template "T" 1 }}`,
	// What is no template.
	`{{ if .x }}`, `{{ end }}`, `{{ .x `, `{{ else }}`, `{{ if .x }}{{ end }}{{ end }}`, `{{ range .xs }}`, `{{ break }}`, `{{ "a }}`, `{{ (1 }}`, `{{ .x | }}`, `{{ }}`,
	"{{ `}}` }}{{ \"}}{{end}}\" }}", `}}`, `{{ "{{" }}`, `{{ if .ok }}{{ "{{end}}" }}{{ end }}`, `{{/* {{end}} */}}x`,
	// Functions.
	`{{ eq .name "web" }}`, `{{ eq .x 1.0 }}`, `{{ eq .x 1 }}`, `{{ eq .name "a" "web" }}`, `{{ ne .name "a" }}`, `{{ lt .f 100.0 }}`, `{{ gt .x 0.5 }}`, `{{ le 1 1 }}`, `{{ ge 1 2 }}`,
	`{{ not .ok }}`, `{{ and .ok .name }}`, `{{ or .nil .name }}`, `{{ and .nil (undef) }}`, `{{ index .xs 1 }}`, `{{ index .xs 5 }}`, `{{ index .m "nope" }}`, `{{ index .m "a.b/c" }}`,
	`{{ index .rollout.metadata.labels "app.kubernetes.io/name" }}`, `{{ (index .rollout.status.conditions 0).type }}`, `{{ slice .name 1 2 }}`,
	`{{ html .s }}`, `{{ js .s }}`, `{{ urlquery .s }}`, `{{ print 1 2 .name }}`, `{{ print .x .f "a" .big }}`, `{{ print "a" "b" 1 2 true }}`, `{{ println .x "a" }}`, `{{ 1 | print 2 }}`,
	`{{ printf "%.2f" .f }}`, `{{ printf "%v %q %5d|%-5s|%05.1f%%" .ok .name 1 .name .f }}`, `{{ printf "%d" .f }}`, `{{ printf "%d" .x }}`, `{{ printf "%x" 255 }}`, `{{ printf "%t" .ok }}`,
	`{{ printf "%e" .f }}`, `{{ printf "%g" .f }}`, `{{ printf "%6.2f|" .f }}`, `{{ printf "%v" .big }}`, `{{ printf "%12v|" .big }}`, `{{ printf "%-12v|" .big }}`, `{{ printf "%v" .ns }}`,
	`{{ printf "%T %T %T" .f .name 1 }}`, `{{ .f | printf "%.0f" }}`, `{{ printf "%s" .f }}`, `{{ printf "%d" "a" }}`, `{{ printf "%s" }}`, `{{ printf "a" 1 }}`, `{{ printf "%!" }}`,
	`{{ printf "100%" }}`, `{{ printf "%s %s" "a" }}`, `{{ printf "%03d" 7 }}`, `{{ printf "%+d" 7 }}`, `{{ printf .x }}`, `{{ printf "%v" nil }}`, `{{ printf "%v" .m }}`, `{{ printf "%s" .xs }}`,
}

func main() {
	var dot interface{}
	if err := json.Unmarshal([]byte(data), &dot); err != nil {
		panic(err)
	}
	text := func(s string) func() string { return func() string { return s } }
	functions := template.FuncMap{
		"name": text("podinfo"), "namespace": text("prod"), "target": text("podinfo"), "service": text("web"), "ingress": text("edge"),
		"route": text("r"), "interval": text("1m"), "variables": func() map[string]string { return map[string]string{"x": "y", "a b": "c"} },
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, t := range texts {
		row := map[string]interface{}{"template": t}
		parsed, err := template.New("t").Funcs(functions).Option("missingkey=error").Parse(t)
		var b strings.Builder
		if err == nil {
			err = parsed.Execute(&b, dot)
		}
		if err != nil {
			row["error"] = strings.TrimPrefix(err.Error(), "template: ")
		} else {
			row["output"] = b.String()
		}
		if err := out.Encode(row); err != nil {
			panic(err)
		}
	}
}
