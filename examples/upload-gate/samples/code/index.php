<?php
declare(strict_types=1);

namespace Harbour;

require_once __DIR__ . '/vendor/autoload.php';

$pdo = new \PDO('sqlite:' . getenv('HARBOUR_DB'));
$rows = $pdo->query('SELECT name, value FROM reading ORDER BY value DESC')->fetchAll();

function row(array $row): string
{
    return sprintf('<li>%s: %.1f</li>', htmlspecialchars($row['name']), $row['value']);
}
?>
<h1>Readings</h1>
<ul>
<?php foreach ($rows as $each): ?>
  <?= row($each) ?>
<?php endforeach; ?>
</ul>
