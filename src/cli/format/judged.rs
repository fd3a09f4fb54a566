//! What docker's client (28.2.2) said of the same templates and data: the judge of this module, written down.

use super::*;

/// A container as `docker inspect` shows it, shortened.
const CONTAINER: &str = r#"{
    "Id": "11de5977838d4b0291e21bc5fca0778c5363e32d3cfa1c41ebfb778d9902ed33",
    "Path": "sleep",
    "Name": "/web",
    "State": {"Status": "running", "Running": true, "Paused": false, "Dead": false, "Pid": 425, "ExitCode": 0},
    "HostConfig": {
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
        "ShmSize": 67108864,
        "Memory": 0,
        "NanoCpus": 0
    },
    "GraphDriver": {"Data": {"MergedDir": "/merged"}, "Name": "overlay2"},
    "Mounts": [{"Type": "bind", "Destination": "/host"}, {"Type": "volume", "Destination": "/data"}],
    "Config": {
        "User": "",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["B=two", "A=1"],
        "Image": "peer",
        "Entrypoint": null,
        "Labels": {"a.b": "c", "app": "web", "html": "<a & b>"}
    },
    "NetworkSettings": {
        "Ports": {},
        "Networks": {
            "none": {
                "NetworkID": "c9820e9252f2debba67f5a3b172514ba4d90ec4661a8bf46554bcf962f271af8",
                "IPAddress": ""
            }
        }
    }
}"#;

const OF_THE_CONTAINER: &[(&str, &str)] = &[
    ("{{.State.Pid}}", "425"),
    ("{{.State.Running}}", "true"),
    ("{{.ID}}", "11de5977838d4b0291e21bc5fca0778c5363e32d3cfa1c41ebfb778d9902ed33"),
    ("{{json .Config.Env}}", r#"["B=two","A=1"]"#),
    ("{{json .Config.Labels}}", r#"{"a.b":"c","app":"web","html":"<a & b>"}"#),
    (r#"{{index .Config.Labels "a.b"}}"#, "c"),
    (r#"{{index .Config.Labels "nope"}}|"#, "|"),
    ("{{.Config.Labels.app}}", "web"),
    ("{{.Config.Labels.nope}}", "<no value>"),
    ("{{.Config.Labels}}", "map[a.b:c app:web html:<a & b>]"),
    ("{{.Config.Env}}", "[B=two A=1]"),
    ("{{.Config.Entrypoint}}", "[]"),
    ("{{json .Config.Entrypoint}}", "null"),
    ("{{len .Config.Entrypoint}}", "0"),
    ("{{if .State.Health}}yes{{else}}no{{end}}", "no"),
    ("{{.GraphDriver.Name}} {{.GraphDriver.Data.Nope}}", "overlay2 <no value>"),
    ("{{range .Config.Env}}{{println .}}{{end}}", "B=two\nA=1\n"),
    ("{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}", "0=B=two;1=A=1;"),
    ("{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}} {{end}}", "a.b:c app:web html:<a & b> "),
    ("{{range .Config.Env}}{{.}}{{break}}{{end}}", "B=two"),
    (r#"{{range .Config.Env}}{{if eq . "A=1"}}{{continue}}{{end}}<{{.}}>{{end}}"#, "<B=two>"),
    ("{{range .Mounts}}{{.Type}}:{{.Destination}} {{end}}", "bind:/host volume:/data "),
    ("{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}} {{end}}", ""),
    (
        "{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}",
        "c9820e9252f2debba67f5a3b172514ba4d90ec4661a8bf46554bcf962f271af8",
    ),
    ("{{.NetworkSettings.Networks.none.IPAddress}}|", "|"),
    ("{{if .State.Running}}up{{else if .State.Dead}}dead{{else}}down{{end}}", "up"),
    (r#"{{if and .State.Running (eq .Config.Image "peer")}}both{{end}}"#, "both"),
    ("{{if or .State.Dead .State.Paused}}a{{else}}b{{end}}", "b"),
    ("{{with .Config.User}}user {{.}}{{else}}no user{{end}}", "no user"),
    ("{{with .State}}{{.Status}} {{$.Name}}{{end}}", "running /web"),
    ("{{with $x := .Config.Image}}{{$x}}{{end}}", "peer"),
    ("{{$n := 1}}{{range .Config.Env}}{{$n = len .}}{{end}}{{$n}}", "3"),
    ("{{$a := 1}}{{if true}}{{$a := 2}}{{$a}}{{end}}{{$a}}", "21"),
    (
        r#"{{printf "%s|%-20s|%5d|%v|%q|%t" .Name .Config.Image .State.ExitCode .State.Running .Path .State.Dead}}"#,
        r#"/web|peer                |    0|true|"sleep"|false"#,
    ),
    (r#"{{printf "%05d %x %X %T" 42 255 "hi" .Name}}"#, "00042 ff 6869 string"),
    (r#"{{printf "%.3s|%10.2f|%c|%%|%U" "abcdef" 3.14159 65 66}}"#, "abc|      3.14|A|%|U+0042"),
    (r#"{{printf "%s" .State.ExitCode}}"#, "%!s(int=0)"),
    (r#"{{printf "%d %d" 1}}"#, "1 %!d(MISSING)"),
    (r#"{{printf "%d" 1 2}}"#, "1%!(EXTRA int=2)"),
    (r#"{{printf "%q" .Config.Env}}"#, r#"["B=two" "A=1"]"#),
    (r#"{{print "a" 1 2 "b" true .Name}}"#, "a1 2btrue/web"),
    (r#"{{println "a" 1}}"#, "a 1\n"),
    (r#"{{.Config.Env | len | printf "%03d"}}"#, "002"),
    ("{{slice .Id 0 12}}", "11de5977838d"),
    ("{{(index .Mounts 0).Destination}}", "/host"),
    (r#"{{eq .Name "x" "/web"}}"#, "true"),
    (r#"{{ne .State.Status "exited"}}"#, "true"),
    (r#"{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 2}} {{lt "a" "b"}} {{lt 1.5 2.5}}"#, "true true false true true true"),
    (r#"{{and 1 0}} {{or 0 "x"}} {{not 0}} {{and "a" "b" "c"}} {{or "" ""}}|"#, "0 x true c |"),
    ("a {{- .Name -}} b", "a/webb"),
    ("a   {{- /* comment */ -}}   b", "ab"),
    (r#"{{json (split .Config.Image "e")}}"#, r#"["p","","r"]"#),
    (r#"{{join .Config.Env ","}}"#, "B=two,A=1"),
    (r#"{{lower "ABC"}} {{upper .Name}} {{title "hello world"}}"#, "abc /WEB Hello World"),
    (r#"{{title "ÉCOLE le mot-clé"}}"#, "ÉCOLE Le Mot-Clé"),
    (r#"{{upper "straße"}}"#, "STRAßE"),
    ("{{pad .Config.Image 2 3}}|", "  peer   |"),
    (r#"{{pad "" 2 3}}|"#, "|"),
    ("{{truncate .Id 12}}", "11de5977838d"),
    (r#"{{truncate "ab" 12}}"#, "ab"),
    (r#"{{.Name | upper | printf "%s %s" "x"}}"#, "x /WEB"),
    (r#"{{"quoted \"x\" \t tab\n"}}|"#, "quoted \"x\" \t tab\n|"),
    ("{{1}} {{-1}} {{1.5}} {{1e3}} {{0x10}} {{1_000}} {{true}} {{false}}", "1 -1 1.5 1000 16 1000 true false"),
    (r#"{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}"#, "[/web]"),
    ("{{range 3}}{{.}}{{end}}", "012"),
    ("{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.ShmSize}}", "0 0 67108864"),
    ("{{.Config.Labels.html}} {{json .Config.Labels.html}}", r#"<a & b> "<a & b>""#),
    ("{{json .Config.ExposedPorts}}", r#"{"80/tcp":{}}"#),
    (r#"{{.Name}}\t{{.Path}}"#, r#"/web\tsleep"#),
    ("table {{.Name}}", "table /web"),
];

/// Refused by docker, too; there with other words.
const REFUSED: &[(&str, &str)] = &[
    ("{{.State.Nope}}", "--format, at .State.Nope: there is no field Nope"),
    ("{{range .Mounts}}{{.Nope}}{{end}}", "--format, at .Nope: there is no field Nope"),
    ("{{if .Nope}}x{{end}}", "--format, at .Nope: there is no field Nope"),
    ("{{nofunc .Name}}", "--format, at nofunc: function nofunc not defined"),
    ("{{.Name", "--format: unclosed action"),
    ("{{end}}", "--format: unexpected {{end}}"),
    ("{{upper 3}}", "--format, at upper 3: upper wants a text"),
];

const IMAGES: &str = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

const TITLES: &[(&str, &str)] =
    &[("Repository", "REPOSITORY"), ("Tag", "TAG"), ("ID", "IMAGE ID"), ("CreatedSince", "CREATED"), ("Size", "SIZE")];

/// Of two images, by `docker images`. Every line is ended by a `$`, as `cat -A` shows them.
const OF_IMAGES: &[(&str, &str)] = &[
    (
        "",
        "REPOSITORY                                   TAG       IMAGE ID       CREATED         SIZE$
peer                                         latest    48534304362c   2 seconds ago   1.98MB$
localhost:5000/a/very/long/repository/name   v1        48534304362c   2 seconds ago   1.98MB$",
    ),
    (
        r"table {{.ID}} {{.Repository}}:{{.Tag}}\t{{.Size}}",
        "IMAGE ID REPOSITORY:TAG                                      SIZE$
48534304362c peer:latest                                     1.98MB$
48534304362c localhost:5000/a/very/long/repository/name:v1   1.98MB$",
    ),
    (
        r"table {{.Repository | upper}}\t{{len .ID}}\t{{.Size}}",
        "REPOSITORY                                   8         SIZE$
PEER                                         12        1.98MB$
LOCALHOST:5000/A/VERY/LONG/REPOSITORY/NAME   12        1.98MB$",
    ),
    (
        r#"table {{printf "%s/%s" .ID .Tag}}\tx"#,
        "IMAGE ID/TAG          x$
48534304362c/latest   x$
48534304362c/v1       x$",
    ),
    (
        r#"table {{range $i, $e := split .Repository "/"}}{{$e}};{{end}}\tb"#,
        "$
peer;                                         b$
localhost:5000;a;very;long;repository;name;   b$",
    ),
    ("table {{json .ID}}", "IMAGE ID$\n\"48534304362c\"$\n\"48534304362c\"$"),
    ("table {{- .Tag}}", "TAG$\nlatest$\nv1$"),
    ("tablefoo {{.Tag}}", "foo TAG$\nfoo latest$\nfoo v1$"),
    (r"{{.Tag}}\t{{.Size}}\n", "latest\t1.98MB$\n$\nv1\t1.98MB$\n$"),
    (r"a\\tb\x{{.Tag}}", "a\\\tb\\xlatest$\na\\\tb\\xv1$"),
    ("  {{.Tag}}  ", "latest$\nv1$"),
    ("{{json .Tag}}", "\"latest\"$\n\"v1\"$"),
];

const VOLUME_TITLES: &[(&str, &str)] = &[
    ("Driver", "DRIVER"),
    ("Labels", "LABELS"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Name", "VOLUME NAME"),
    ("Scope", "SCOPE"),
];

/// Of one volume, by `docker volume ls`.
const OF_A_VOLUME: &[(&str, &str)] = &[
    ("json", r#"{"Driver":"local","Labels":"a=b,w=","Mountpoint":"/var/lib/vol1","Name":"vol1","Scope":"local"}$"#),
    (
        r#"table {{.Label "a"}}\t{{.Name}}\t{{.Label "none"}}"#,
        "a         VOLUME NAME   none$\nb         vol1          $",
    ),
    (r#"{{.Label "a"}}|{{.Label "none"}}|{{.Label "w"}}"#, "b||$"),
    (
        r#"table {{.Name}}\t{{.Label "none"}}\t{{.Driver}}"#,
        "VOLUME NAME   none      DRIVER$\nvol1                    local$",
    ),
    (
        r#"table {{.Driver}}\t{{.Name | title}}\t{{pad .Scope 1 1}}|\t{{truncate .Mountpoint 8}}\t{{lower "ABC"}}"#,
        "DRIVER    VOLUME NAME    SCOPE |   MOUNTPOINT   ABC$\nlocal     Vol1           local |   /var/lib     abc$",
    ),
    ("table {{with .Labels}}{{.}}{{end}}", "LABELS$\na=b,w=$"),
    (r#"table {{if eq .Driver "local"}}here{{else}}there{{end}}\tx"#, "there     x$\nhere      x$"),
    ("{{println .Name}}", "vol1$\n$"),
];

fn container() -> Json {
    serde_json::from_str(CONTAINER).unwrap()
}

fn images() -> [Json; 2] {
    let image = |repository: &str, tag: &str| {
        serde_json::json!({
            "Repository": repository,
            "Tag": tag,
            "ID": "48534304362c",
            "CreatedSince": "2 seconds ago",
            "Size": "1.98MB",
        })
    };
    [image("peer", "latest"), image("localhost:5000/a/very/long/repository/name", "v1")]
}

fn volume() -> Json {
    serde_json::json!({
        "Driver": "local",
        "Labels": "a=b,w=",
        "Mountpoint": "/var/lib/vol1",
        "Name": "vol1",
        "Scope": "local",
    })
}

/// As `cat -A` shows what is said, but for tabs.
fn shown(format: &Format, titles: &[(&str, &str)], rows: &[Json]) -> String {
    let lines = format.render(titles, rows).unwrap();
    lines.join("\n").replace('\n', "$\n") + "$"
}

#[test]
fn an_object_is_shown_as_docker_shows_it() {
    for (template, told) in OF_THE_CONTAINER {
        let ours = Format::of_object(template).and_then(|format| format.render_object(&container()));
        assert_eq!(ours.unwrap(), *told, "{template}");
    }
}

#[test]
fn a_list_is_shown_as_docker_shows_it() {
    for (template, told) in OF_IMAGES {
        let format = Format::parse(Some(template), IMAGES).unwrap();
        assert_eq!(shown(&format, TITLES, &images()), *told, "{template}");
    }
    for (template, told) in OF_A_VOLUME {
        let format = Format::parse(Some(template), IMAGES).unwrap();
        assert_eq!(shown(&format, VOLUME_TITLES, &[volume()]), *told, "{template}");
    }
}

#[test]
fn what_docker_refuses_is_refused_in_a_sentence() {
    for (template, told) in REFUSED {
        let ours = Format::of_object(template).and_then(|format| format.render_object(&container()));
        assert_eq!(ours.unwrap_err().message, *told, "{template}");
    }
}

#[test]
fn who_asks_for_a_field_that_is_not_there_is_told_those_that_are() {
    let format = Format::parse(Some("{{.Nope}}"), IMAGES).unwrap();
    let failure = format.render(TITLES, &images()).unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("the fields are CreatedSince, ID, Repository, Size, Tag"));
    let inside = Format::of_object("{{range .Mounts}}{{.Nope}}{{end}}").unwrap();
    let failure = inside.render_object(&container()).unwrap_err();
    assert_eq!(failure.hint.as_deref(), Some("the fields are Destination, Type"));
}

#[test]
fn without_rows_a_table_is_its_header_and_a_template_is_nothing() {
    let lines = |template| Format::parse(Some(template), IMAGES).unwrap().render(TITLES, &[]).unwrap();
    assert_eq!(lines(r"table {{.Tag}}\t{{.Nope}}"), ["TAG       <no value>"]);
    assert!(lines("{{.Tag}}").is_empty());
}

#[test]
fn without_a_template_and_for_table_alone_the_default_is_taken() {
    for text in [None, Some(""), Some("table")] {
        assert_eq!(Format::parse(text, IMAGES).unwrap().shape, Shape::Table);
    }
    assert_eq!(Format::parse(Some("{{.ID}}"), IMAGES).unwrap().shape, Shape::Lines);
}
